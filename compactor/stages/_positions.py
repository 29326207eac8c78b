"""A shorter table of positions as the stages cut it: the tokenizer's length goes with it, and what it costs is told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from compactor.base.finding import Finding
from compactor.models.reading import copy_reader
from compactor.models.tokenizer import max_length
from compactor.pruning.positions import cut_positions, longest_text
from compactor.stages._inputs import encoded

if TYPE_CHECKING:
    from compactor.stages._contract import Work

MANY_TEXTS_CUT = 0.01


def shorten(model: Any, tokenizer: Path, work: Work, count: int, *, place: str) -> dict[str, Any]:
    """Cut a model's positions in place, and write the tokenizer with that length into `work.folder`.

    Args:
        model: reads the pieces of `tokenizer`.
        tokenizer: a folder; may be `work.folder` itself.
        work: the stage's; a finding goes there when validation texts are longer.
        count: the most pieces of a text.
        place: the setting, for the finding.

    Returns:
        `before`, `after` (pieces of a text), and `texts_cut`, the share of the validation texts that are longer, of those that the
        tokenizer before did not cut.

    Raises:
        StageError: K221, the model has no table of positions.
    """
    before = longest_text(model)
    cut_positions(model, count)
    return {"before": before, "after": min(count, before), "texts_cut": read_up_to(tokenizer, work, count, place=place)}


def read_up_to(tokenizer: Path, work: Work, count: int, *, place: str) -> float:
    """Write a tokenizer that cuts texts at `count` pieces into `work.folder`; return the share of the validation texts that are longer.

    Arguments as in `shorten`.
    """
    lengths = encoded(work, tokenizer, "validation").lengths
    cut = float((lengths > count).mean()) if len(lengths) else 0.0
    copy_reader(tokenizer, work.folder, length=min(count, max_length(tokenizer)))
    if cut:
        sentence = f"{cut:.1%} of the validation texts have more than {count} pieces and are read up to there"
        severity: Literal["note", "warning"] = "warning" if cut > MANY_TEXTS_CUT else "note"
        work.reporter.finding(Finding("K910", severity, sentence, f"raise {place} if the ends of texts matter", place))
    return cut
