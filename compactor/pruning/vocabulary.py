"""A smaller vocabulary: keep the pieces that the train texts use, drop the embedding rows of the others.

`prune_vocabulary` does it all for a model and a tokenizer folder; the pieces below it can be used one by one:
`count_pieces` → `choose_pieces` → `cut_embeddings` + `wordpiece.write_smaller_tokenizer`, and `compare_encodings` for what it cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.errors import StageError
from compactor.pruning.characters import Characters, characters_to_keep
from compactor.pruning.wordpiece import WordPieceFile, write_smaller_tokenizer

if TYPE_CHECKING:
    from torch import nn

Batch = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Choice:
    """Which pieces stay.

    Attributes:
        kept: int64 (pieces,), old ids in ascending order; the new id of `kept[i]` is `i`.
        size_before: pieces there were.
        used: number of different pieces in the train texts, special ones not counted.
        used_dropped: how many of those had to go all the same, the rarest first.
    """

    kept: np.ndarray
    size_before: int
    used: int
    used_dropped: int


def prune_vocabulary(
    model: nn.Module,
    tokenizer_folder: Path,
    folder: Path,
    batches: Iterable[Batch],
    keep: int | None = None,
    characters: Characters = "all",
) -> Choice:
    """Cut a model's embedding and its tokenizer to the pieces that the train texts use.

    Args:
        model: a transformers model; its word embedding and config are changed in place.
        tokenizer_folder: tokenizer files of the model.
        folder: where the smaller tokenizer's files are written; another folder than `tokenizer_folder`.
        batches: the train texts, encoded by that tokenizer.
        keep: number of pieces to keep at most, or None for those that `choose_pieces` must keep.
        characters: see `choose_pieces`.

    Returns:
        Which pieces stayed.

    Raises:
        StageError: K301 to K308 when the tokenizer or the number does not allow it.
    """
    file = WordPieceFile(tokenizer_folder)
    choice = choose_pieces(file, count_pieces(batches, file.size), keep, characters)
    cut_embeddings(model, choice.kept)
    write_smaller_tokenizer(tokenizer_folder, folder, choice.kept)
    return choice


def count_pieces(batches: Iterable[Batch], size: int) -> np.ndarray:
    """Return how often each piece occurs in encoded batches (`input_ids`, `attention_mask`), int64 (size,)."""
    counts = np.zeros(size, dtype=np.int64)
    for batch in batches:
        counts += np.bincount(batch["input_ids"][batch["attention_mask"].astype(bool)], minlength=size)
    return counts


def choose_pieces(file: WordPieceFile, counts: np.ndarray, keep: int | None = None, characters: Characters = "all") -> Choice:
    """Choose the pieces to keep, in this order of right: special tokens, single characters, used pieces, then the lowest ids.

    The list of a trained WordPiece is ordered by frequency in the text that it was made of, so the lowest ids are the most
    frequent pieces. Spare places such as `[unused7]` go first.

    Args:
        file: the tokenizer.
        counts: int64 (size,), how often each piece occurs in the train texts.
        keep: number of pieces to keep at most; None keeps special tokens, characters and what is used.
        characters: `all` keeps every single character, so that no new word becomes unknown; `scripts` those of the scripts that the
            train texts are written in, ASCII and what they use, so that no new word of their languages does; `used` only what occurs
            in the train texts. All in both places (at a word's start and inside).

    Raises:
        StageError: K305 when `keep` is too small.
    """
    all_used = len(np.setdiff1d(np.flatnonzero(counts), file.special))
    if keep is not None and keep >= file.size:
        return Choice(np.arange(file.size), file.size, all_used, 0)
    must = np.union1d(file.special, characters_to_keep(file, counts, characters))
    used = np.setdiff1d(np.flatnonzero(counts), must)
    used = used[np.argsort(-counts[used], kind="stable")]
    room = len(used) if keep is None else keep - len(must)
    if room < 0:
        hint = " or set vocabulary.characters to `used`" if characters == "all" else ""
        raise StageError(
            "K305",
            f"vocabulary.keep is {keep}, but special tokens and single characters alone are {len(must)} pieces",
            f"keep at least {len(must)}{hint}",
        )
    others = np.setdiff1d(list(file.pieces.values()), np.concatenate([must, used, file.unused]))
    kept = np.concatenate([must, np.concatenate([used, others])[:room]])
    return Choice(np.sort(kept).astype(np.int64), file.size, all_used, max(0, len(used) - room))


def cut_embeddings(model: nn.Module, kept: np.ndarray) -> None:
    """Keep only some rows of a model's word embedding, and give its config the new ids. The rows themselves do not change.

    Args:
        model: a transformers model without a language-modelling head.
        kept: int64 (pieces,), old ids in ascending order.

    Raises:
        StageError: K306 for a model whose output is tied to the vocabulary, K307 when positions depend on a padding id that moved,
            K308 when the embedding does not have the kept rows, K309 when a hash of piece ids is part of the model.
    """
    import torch
    from torch import nn

    from compactor.models.families import piece_table

    embedding = piece_table(model)
    if getattr(model.config, "bigrams", 0):
        sentence = "the student hashes pairs of piece ids, which would all change"
        raise StageError("K309", sentence, "set the student's vocabulary in distill, before it is trained")
    if getattr(model, "get_output_embeddings", lambda: None)() is not None:
        raise StageError("K306", "the model predicts pieces, so its vocabulary cannot be cut", "prune the classifier instead")
    if kept[-1] >= embedding.num_embeddings:
        raise StageError(
            "K308", f"the tokenizer has more pieces than the model's {embedding.num_embeddings} rows", "check both"
        )
    new_ids = {int(old): new for new, old in enumerate(kept)}
    padding = embedding.padding_idx if embedding.padding_idx is None else new_ids.get(embedding.padding_idx)
    for module in model.modules():
        # RoBERTa counts its positions from the padding id on.
        owner = getattr(module, "position_embeddings", None)
        if isinstance(owner, nn.Embedding) and owner.padding_idx is not None and owner.padding_idx != padding:
            raise StageError(
                "K307", "this model counts positions from the padding id, which would move", "leave `vocabulary` out"
            )
    # In place: a factorized table keeps the projection behind it.
    with torch.no_grad():
        embedding.weight = nn.Parameter(embedding.weight[torch.from_numpy(kept)].clone())
        weights = getattr(model, "weights", None)  # of a static student that is not folded yet
        if isinstance(weights, nn.Parameter):
            model.weights = nn.Parameter(weights[torch.from_numpy(kept)].clone())
    embedding.num_embeddings, embedding.padding_idx = len(kept), padding
    _renumber_config(model.config, new_ids, len(kept))


def compare_encodings(
    before: Iterable[Batch], after: Iterable[Batch], kept: np.ndarray, unknown_before: int, unknown_after: int
) -> dict[str, float]:
    """Say what a smaller vocabulary costs on texts that did not choose it, such as the validation split.

    Args:
        before: batches of the texts, encoded by the tokenizer as it was.
        after: the same texts, encoded by the smaller one, in the same batches.
        kept: int64 (pieces,), old ids of the pieces that stayed.
        unknown_before: id of the unknown piece in the one.
        unknown_after: and in the other.

    Returns:
        `texts_changed`: share of texts that are cut into other pieces now; `unknown_before` and `unknown_after`: share of pieces that
        are unknown; `length_ratio`: pieces now divided by pieces before, special ones included.
    """
    texts = changed = 0
    pieces, unknown = [0, 0], [0, 0]
    for old, new in zip(before, after, strict=True):
        rows = zip(_rows(old), _rows(new), strict=True)
        for old_ids, new_ids in rows:
            texts += 1
            changed += not np.array_equal(old_ids, kept[new_ids])
            for which, (ids, unknown_id) in enumerate(((old_ids, unknown_before), (new_ids, unknown_after))):
                pieces[which] += len(ids)
                unknown[which] += int((ids == unknown_id).sum())
    return {
        "texts_changed": changed / max(1, texts),
        "unknown_before": unknown[0] / max(1, pieces[0]),
        "unknown_after": unknown[1] / max(1, pieces[1]),
        "length_ratio": pieces[1] / max(1, pieces[0]),
    }


def _rows(batch: Batch) -> list[np.ndarray]:
    """Return the ids of each row without padding."""
    lengths = batch["attention_mask"].sum(axis=1)
    return [ids[:length] for ids, length in zip(batch["input_ids"], lengths, strict=True)]


def _renumber_config(config: Any, new_ids: dict[int, int], size: int) -> None:
    """Put the new vocabulary size and special ids into a transformers config."""
    config.vocab_size = size
    for name in ("pad", "bos", "eos", "cls", "sep", "unk", "mask"):
        old = getattr(config, f"{name}_token_id", None)
        if isinstance(old, int):
            setattr(config, f"{name}_token_id", new_ids.get(old))
