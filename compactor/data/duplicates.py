"""Texts that are equal but for case and spaces: within a split, and between splits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compactor.data.rows import BLOCK_ROWS, Rows


def normalise(text: str) -> str:
    """Fold case and runs of white space, so that equal texts compare equal."""
    return " ".join(text.casefold().split())


def text_keys(rows: Rows) -> np.ndarray:
    """Return uint64 (n,): equal where the normalised texts (and second sentences) are equal.

    They are 64-bit hashes, so two of a million different texts share a key with a chance of 3e-8. Keys of different processes differ.
    """
    keys = np.empty(len(rows), dtype=np.int64)
    for start in range(0, len(rows), BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, len(rows))
        keys[start:stop] = _hashes(rows.texts(start, stop), rows.pairs(start, stop))
    return keys.view(np.uint64)


def keys_of(texts: Sequence[str], pairs: Sequence[str] | None = None) -> np.ndarray:
    """Return the keys of texts in hand, uint64 (n,), comparable with those of `text_keys` in the same process."""
    return np.array(_hashes(texts, pairs), dtype=np.int64).view(np.uint64)


def _hashes(texts: Sequence[str], pairs: Sequence[str] | None) -> list[int]:
    if pairs is None:
        return [hash(normalise(text)) for text in texts]
    return [hash((normalise(text), normalise(pair))) for text, pair in zip(texts, pairs, strict=True)]


def count_leaked(keys: np.ndarray, others: np.ndarray) -> int:
    """Return how many rows have a text that also occurs in the other split."""
    return int(np.isin(keys, others).sum())


def count_conflicts(keys: np.ndarray, labels: np.ndarray) -> int:
    """Return how many rows have a text that also occurs with another label in the same split."""
    _, groups = np.unique(keys, return_inverse=True)
    lowest = np.full(int(groups.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    highest = np.full(len(lowest), -1, dtype=np.int64)
    np.minimum.at(lowest, groups, labels)
    np.maximum.at(highest, groups, labels)
    return int((lowest != highest)[groups].sum())
