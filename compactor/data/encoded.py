"""Tokenized rows, memory-mapped, and padded batches of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np


class Encoded:
    """A folder written by `encode`.

    Args:
        folder: with ids, offsets, first and labels.
        pad_id: token id that fills the end of shorter rows.
    """

    def __init__(self, folder: Path, pad_id: int) -> None:
        self._offsets: np.ndarray = np.load(folder / "offsets.npy")
        self._first: np.ndarray = np.load(folder / "first.npy")
        # numpy cannot map a file without data.
        self._ids: np.ndarray = np.load(folder / "ids.npy", mmap_mode="r" if self._offsets[-1] else None)
        self._pad_id = pad_id
        self._labels: np.ndarray = np.load(folder / "labels.npy")
        self._lengths: np.ndarray = np.diff(self._offsets)

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def labels(self) -> np.ndarray:
        """Label ids, int64 (n,)."""
        return self._labels

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row, special ones included, int64 (n,)."""
        return self._lengths

    def batch(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Return rows padded on the right to the longest of them.

        Args:
            indices: int (b,), positions of rows.

        Returns:
            `input_ids`, `attention_mask` and `token_type_ids` (0 in the first segment and in padding), int64 (b, longest);
            `labels`, int64 (b,).
        """
        indices = np.asarray(indices)
        lengths = self._lengths[indices, None]
        columns = np.arange(int(lengths.max(initial=0)))[None, :]
        mask = columns < lengths
        input_ids = np.full(mask.shape, self._pad_id, dtype=np.int64)
        input_ids[mask] = self._ids[(self._offsets[indices, None] + columns)[mask]]
        second = (columns >= self._first[indices, None]) & mask
        return {
            "input_ids": input_ids,
            "attention_mask": mask.astype(np.int64),
            "token_type_ids": second.astype(np.int64),
            "labels": self._labels[indices],
        }
