"""One split: texts in memory-mapped Arrow columns, labels as one array, or as one by row for tags."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from compactor.data.label_columns import WORD_END
from compactor.data.ragged import Ragged

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_ROWS = 8192


class Rows:
    """Rows of one split, Arrow-backed: a view of batches through an index, so a split copies no text.

    Args:
        batches: record batches with the column `text` and, for pairs, `pair` (large strings without nulls); the words of a row with
            tags are parted by U+001F; an image's text is the sha256 of its file, and the column `place` its path.
        labels: of this split's rows: ids int64 (n,), sets float32 (n, labels), numbers float32 (n, 1), or tag ids by row.
        indices: int64 (n,), positions of this split's rows in the batches put end to end.
    """

    def __init__(self, batches: tuple[pa.RecordBatch, ...], labels: np.ndarray | Ragged, indices: np.ndarray) -> None:
        if len(labels) != len(indices):
            raise ValueError(f"{len(labels)} labels for {len(indices)} rows")
        self._batches = batches
        self._starts = np.cumsum([0, *(batch.num_rows for batch in batches)])
        self._labels: np.ndarray | Ragged = labels
        if isinstance(labels, np.ndarray):
            self._labels = np.ascontiguousarray(labels, dtype=np.float32 if labels.dtype.kind == "f" else np.int64)
        self._indices = np.ascontiguousarray(indices, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._indices)

    @property
    def labels(self) -> np.ndarray:
        """Labels as tasks take them: ids int64 (n,), float32 (n, labels) or (n, 1), tag ids int64 (n, longest) padded with -100."""
        return self._labels.padded() if isinstance(self._labels, Ragged) else self._labels

    @property
    def tags(self) -> Ragged | None:
        """Tag ids by row, one a word; None for rows whose labels belong to the whole text."""
        return self._labels if isinstance(self._labels, Ragged) else None

    @property
    def answers(self) -> int:
        """How many answers a model gives to this split: one a row, or one a word where words have tags."""
        return len(self._labels.values) if isinstance(self._labels, Ragged) else len(self)

    @property
    def pair(self) -> bool:
        """Whether rows have a second sentence."""
        return bool(self._batches) and "pair" in self._batches[0].schema.names

    @property
    def images(self) -> bool:
        """Whether rows are images; their texts are then hashes, by which equal ones are told."""
        return bool(self._batches) and "place" in self._batches[0].schema.names

    def places(self, start: int = 0, stop: int | None = None) -> list[str]:
        """Return the paths of the images of rows start to stop."""
        return [place for array in self._arrays("place", start, stop) for place in array.to_pylist()]

    def texts(self, start: int = 0, stop: int | None = None) -> list[str]:
        """Return texts of rows start to stop as Python strings, words with blanks between; ask for blocks when there are many."""
        texts = [text for array in self._arrays("text", start, stop) for text in array.to_pylist()]
        return texts if self.tags is None else [text.replace(WORD_END, " ") for text in texts]

    def words(self, start: int = 0, stop: int | None = None) -> list[list[str]]:
        """Return the words of rows start to stop, for rows with tags."""
        texts = [text for array in self._arrays("text", start, stop) for text in array.to_pylist()]
        assert self.tags is not None
        counts = self.tags.lengths[start:stop]
        # An empty string is one empty word, or no word at all.
        return [text.split(WORD_END) if count else [] for text, count in zip(texts, counts, strict=True)]

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
        if isinstance(self._labels, Ragged) and isinstance(other._labels, Ragged):
            return Rows((*self._batches, *other._batches), self._labels.join(other._labels), indices)
        return Rows((*self._batches, *other._batches), np.concatenate([self.labels, other.labels]), indices)

    @cached_property
    def fingerprint(self) -> str:
        """The sha256 of texts, second sentences and labels, in order; how they are stored does not matter."""
        digest = hashlib.sha256(b"words" if self.tags is not None else b"pairs" if self.pair else b"single")
        for start in range(0, len(self), BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, len(self))
            for column in ("text", "pair") if self.pair else ("text",):
                lengths, content = self._bytes(column, start, stop)
                digest.update(lengths.astype("<i8").tobytes())
                for piece in content:
                    digest.update(piece)
            for part in _label_parts(self._labels[start:stop]):
                digest.update(part.tobytes())
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


def _label_parts(labels: np.ndarray | Ragged) -> list[np.ndarray]:
    """Return labels as arrays whose bytes are the same on every machine."""
    if isinstance(labels, Ragged):
        return [labels.lengths.astype("<i8"), labels.values.astype("<i8")]
    return [labels.astype("<f4" if labels.dtype.kind == "f" else "<i8")]


def _content(array: pa.Array) -> memoryview:
    """Return the bytes of a large-string array's texts, end to end."""
    _, offsets, content = array.buffers()
    if content is None or not len(array):
        return memoryview(b"")
    bounds = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    return memoryview(content)[int(bounds[0]) : int(bounds[-1])]
