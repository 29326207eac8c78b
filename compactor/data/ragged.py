"""Whole numbers by row, as many as the row has: the tags of its words. Flat in memory, padded only for who wants a matrix."""

from __future__ import annotations

import numpy as np

NO_LABEL = -100  # what transformers and torch take for "no label here"


class Ragged:
    """Rows of whole numbers.

    Args:
        values: int, all rows end to end.
        offsets: int64 (n + 1,), where each row begins in `values`; the last is their number.
    """

    def __init__(self, values: np.ndarray, offsets: np.ndarray) -> None:
        if int(offsets[-1]) != len(values):
            raise ValueError(f"{len(values)} values, but the rows end at {int(offsets[-1])}")
        self.values = np.ascontiguousarray(values, dtype=np.int64)
        self.offsets = np.ascontiguousarray(offsets, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Values of each row, int64 (n,)."""
        return np.diff(self.offsets)

    def __getitem__(self, rows: np.ndarray | slice) -> Ragged:
        """Return some rows, in this order."""
        numbers = np.arange(len(self))[rows]
        lengths = self.lengths[numbers]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        positions = np.arange(int(offsets[-1])) + np.repeat(self.offsets[numbers] - offsets[:-1], lengths)
        return Ragged(self.values[positions], offsets)

    def join(self, other: Ragged) -> Ragged:
        """Return these rows followed by another's."""
        offsets = np.concatenate([self.offsets, other.offsets[1:] + self.offsets[-1]])
        return Ragged(np.concatenate([self.values, other.values]), offsets)

    def padded(self) -> np.ndarray:
        """Return int64 (n, longest), -100 behind the end of a row."""
        columns = np.arange(int(self.lengths.max(initial=0)))[None, :]
        inside = columns < self.lengths[:, None]
        matrix = np.full(inside.shape, NO_LABEL, dtype=np.int64)
        matrix[inside] = self.values
        return matrix
