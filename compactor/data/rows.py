"""One split: texts in memory-mapped Arrow columns, labels as one integer array."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_ROWS = 8192


class Rows:
    """Rows of one split, Arrow-backed: a view of batches through an index, so a split copies no text.

    Args:
        batches: record batches with the column `text` and, for pairs, `pair` (large strings without nulls).
        labels: int64 (n,), one label id per row of this split.
        indices: int64 (n,), positions of this split's rows in the batches put end to end.
    """

    def __init__(self, batches: tuple[pa.RecordBatch, ...], labels: np.ndarray, indices: np.ndarray) -> None:
        if len(labels) != len(indices):
            raise ValueError(f"{len(labels)} labels for {len(indices)} rows")
        self._batches = batches
        self._starts = np.cumsum([0, *(batch.num_rows for batch in batches)])
        self._labels = np.ascontiguousarray(labels, dtype=np.int64)
        self._indices = np.ascontiguousarray(indices, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._indices)

    @property
    def labels(self) -> np.ndarray:
        """Label ids, int64 (n,)."""
        return self._labels

    @property
    def pair(self) -> bool:
        """Whether rows have a second sentence."""
        return bool(self._batches) and "pair" in self._batches[0].schema.names

    def texts(self, start: int = 0, stop: int | None = None) -> list[str]:
        """Return texts of rows start to stop as Python strings; ask for blocks when there are many."""
        return [text for array in self._arrays("text", start, stop) for text in array.to_pylist()]

    def pairs(self, start: int = 0, stop: int | None = None) -> list[str] | None:
        """Return second sentences of rows start to stop, or None when the rows are single sentences."""
        if not self.pair:
            return None
        return [text for array in self._arrays("pair", start, stop) for text in array.to_pylist()]

    def select(self, indices: np.ndarray) -> Rows:
        """Return the rows at these positions, in this order; no text is copied."""
        return Rows(self._batches, self._labels[indices], self._indices[indices])

    def join(self, other: Rows) -> Rows:
        """Return these rows followed by another's."""
        indices = np.concatenate([self._indices, other._indices + self._starts[-1]])
        return Rows((*self._batches, *other._batches), np.concatenate([self._labels, other._labels]), indices)

    @cached_property
    def fingerprint(self) -> str:
        """The sha256 of texts, second sentences and label ids, in order; how they are stored does not matter."""
        digest = hashlib.sha256(b"pairs" if self.pair else b"single")
        for start in range(0, len(self), BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, len(self))
            for column in ("text", "pair") if self.pair else ("text",):
                lengths, content = self._bytes(column, start, stop)
                digest.update(lengths.astype("<i8").tobytes())
                for piece in content:
                    digest.update(piece)
            digest.update(self._labels[start:stop].astype("<i8").tobytes())
        return digest.hexdigest()

    def _bytes(self, column: str, start: int, stop: int) -> tuple[np.ndarray, list[memoryview]]:
        """Return the byte lengths of one column's texts and their bytes end to end, without a Python object a row."""
        import pyarrow.compute as pc

        arrays = list(self._arrays(column, start, stop))
        lengths = [pc.binary_length(array).to_numpy(zero_copy_only=False) for array in arrays]
        return np.concatenate([np.zeros(0, np.int64), *lengths]), [_content(array) for array in arrays]

    def _arrays(self, column: str, start: int, stop: int | None) -> Iterator[pa.Array]:
        """Yield Arrow arrays that hold one column of rows start to stop, in order; neighbours in one batch come together."""
        import pyarrow as pa

        indices = self._indices[start:stop]
        if not len(indices):
            return
        homes = np.searchsorted(self._starts, indices, side="right") - 1
        edges = np.flatnonzero(np.diff(homes)) + 1
        # An index in random order jumps between batches at nearly every row: gather per batch, then put into order.
        if len(edges) > 64:
            yield self._gather(column, indices, homes)
            return
        for positions, home in zip(np.split(indices, edges), homes[[0, *edges]], strict=True):
            yield self._batches[home].column(column).take(pa.array(positions - self._starts[home]))

    def _gather(self, column: str, indices: np.ndarray, homes: np.ndarray) -> pa.Array:
        import pyarrow as pa

        order = np.argsort(homes, kind="stable")
        taken = [
            self._batches[home].column(column).take(pa.array(indices[homes == home] - self._starts[home]))
            for home in np.unique(homes)
        ]
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return pa.concat_arrays(taken).take(pa.array(back))


def _content(array: pa.Array) -> memoryview:
    """Return the bytes of a large-string array's texts, end to end."""
    _, offsets, content = array.buffers()
    if content is None or not len(array):
        return memoryview(b"")
    bounds = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    return memoryview(content)[int(bounds[0]) : int(bounds[-1])]
