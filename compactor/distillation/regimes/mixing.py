"""Encoded rows of several data sets end to end, so that batches are drawn from each in proportion to its size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from compactor.data import Encoded


class MixedRows:
    """Stands where `Encoded` stands; the first data set's rows come first and keep their numbers.

    Args:
        parts: encoded by one tokenizer; labels are numbers of each set's own classes.
    """

    def __init__(self, parts: Sequence[Encoded]) -> None:
        self._parts = list(parts)
        self.starts: np.ndarray = np.cumsum([0, *(len(part) for part in parts)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def labels(self) -> np.ndarray:
        """Label ids, int64 (n,), each of its own set."""
        return np.concatenate([part.labels for part in self._parts])

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row, int64 (n,)."""
        return np.concatenate([part.lengths for part in self._parts])

    def answer_rows(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows themselves: every row has one answer."""
        return np.asarray(rows)

    def batch(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Return rows padded on the right to the longest of them, in the order asked for; see `Encoded.batch`."""
        indices = np.asarray(indices)
        homes = home_of(indices, self.starts)
        found = {home: self._parts[home].batch(indices[homes == home] - self.starts[home]) for home in np.unique(homes)}
        length = max(part["input_ids"].shape[1] for part in found.values())
        whole: dict[str, np.ndarray] = {}
        for home, part in found.items():
            for name, values in part.items():
                shape = (len(indices), length) if values.ndim == 2 else (len(indices),)
                target = whole.setdefault(name, np.full(shape, self._filler(name), dtype=values.dtype))
                padded = values if values.ndim == 1 else np.pad(values, ((0, 0), (0, length - values.shape[1])))
                if name == "input_ids":
                    padded = np.where(_within(values, length), padded, self._filler(name))
                target[homes == home] = padded
        return whole

    def _filler(self, name: str) -> int:
        return int(self._parts[0]._pad_id) if name == "input_ids" else 0


def home_of(rows: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return which set each row belongs to; `starts` is where each begins, and the end of all."""
    return np.searchsorted(starts, rows, side="right") - 1


def _within(values: np.ndarray, length: int) -> np.ndarray:
    """Return which columns of a padded array hold what was there before."""
    return np.broadcast_to(np.arange(length) < values.shape[1], (len(values), length))
