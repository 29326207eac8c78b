"""A smaller vocabulary as the stages cut it: chosen from the training texts, written, and its cost told on the validation texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from compactor.base.finding import Finding
from compactor.pruning.characters import Characters
from compactor.pruning.vocabulary import Choice, compare_encodings, prune_vocabulary
from compactor.pruning.wordpiece import WordPieceFile
from compactor.stages._inputs import encoded

if TYPE_CHECKING:
    from compactor.data import Encoded
    from compactor.stages._contract import Work

COUNTED_ROWS = 1000
MANY_TEXTS_CHANGED = 0.1


def cut_vocabulary(
    model: Any, tokenizer: Path, work: Work, keep: int | None, characters: Characters, *, place: str
) -> tuple[Choice, dict[str, Any]]:
    """Cut a model's piece table in place and write the smaller tokenizer into `work.folder`.

    Args:
        model: reads the pieces of `tokenizer`.
        tokenizer: a model folder.
        work: the stage's; findings go there.
        keep: pieces to keep, or None for those that must stay.
        characters: see `compactor.pruning.vocabulary.choose_pieces`.
        place: the setting, for findings.

    Returns:
        (choice, facts): `before`, `after`, `used`, `used_dropped`, and `validation` (see `compare_encodings`).
    """
    folder = work.folder
    choice = prune_vocabulary(model, tokenizer, folder, _batches(encoded(work, tokenizer, "training")), keep, characters)
    old, new = WordPieceFile(tokenizer), WordPieceFile(folder)
    cost = compare_encodings(
        _batches(encoded(work, tokenizer, "validation")),
        _batches(encoded(work, folder, "validation")),
        choice.kept,
        old.unknown,
        new.unknown,
    )
    pieces = {"before": choice.size_before, "after": len(choice.kept), "used": choice.used, "used_dropped": choice.used_dropped}
    for finding in _findings(pieces, cost, place):
        work.reporter.finding(finding)
    return choice, {**pieces, "validation": cost}


def _findings(pieces: Mapping[str, int], cost: Mapping[str, float], place: str) -> Iterator[Finding]:
    if pieces["after"] == pieces["before"]:
        sentence = f"all {pieces['before']} pieces of the tokenizer stay: it has no more than vocabulary.keep"
        yield Finding("K909", "note", sentence, "give a smaller number to make the table smaller", place)
    if pieces["used_dropped"]:
        sentence = f"{pieces['used_dropped']} of the {pieces['used']} pieces that the training texts use had to go"
        yield Finding("K902", "warning", sentence, "raise vocabulary, or train a little longer", place)
    if cost["unknown_after"] > cost["unknown_before"]:
        sentence = f"{cost['unknown_after']:.3%} of the validation pieces are unknown now, {cost['unknown_before']:.3%} before"
        yield Finding("K903", "warning", sentence, "set vocabulary.characters to `all`, or raise vocabulary.keep", place)
    if cost["texts_changed"]:
        severity: Literal["note", "warning"] = "warning" if cost["texts_changed"] > MANY_TEXTS_CHANGED else "note"
        sentence = (
            f"{cost['texts_changed']:.1%} of the validation texts use a piece that is gone and are read in shorter pieces now"
        )
        yield Finding("K904", severity, sentence, "raise vocabulary.keep if the quality suffers", place)


def _batches(rows: Encoded) -> Iterator[dict[str, np.ndarray]]:
    for start in range(0, len(rows), COUNTED_ROWS):
        yield rows.batch(np.arange(start, min(start + COUNTED_ROWS, len(rows))))
