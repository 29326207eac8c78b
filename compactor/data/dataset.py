"""Texts that a stage made for training: written to one Arrow file in blocks, read back memory-mapped, as rows without labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from compactor.data.rows import Rows

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = "rows.arrow"


class DatasetWriter:
    """Writes texts, and second sentences for pairs, block by block; only one block is in memory.

    Args:
        folder: gets `rows.arrow`, readable by any Arrow library.
        pair: every row has a second sentence.
    """

    def __init__(self, folder: Path, *, pair: bool) -> None:
        import pyarrow as pa

        names = ("text", "pair") if pair else ("text",)
        self._schema = pa.schema([pa.field(name, pa.large_string()) for name in names])
        self._sink = pa.OSFile(str(folder / ROWS), "wb")
        self._writer = pa.ipc.new_file(self._sink, self._schema)
        self.count = 0

    def write(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> None:
        """Append rows."""
        import pyarrow as pa

        if not texts:
            return
        columns = [texts] if pairs is None else [texts, pairs]
        self._writer.write_batch(
            pa.record_batch([pa.array(column, pa.large_string()) for column in columns], schema=self._schema)
        )
        self.count += len(texts)

    def __enter__(self) -> DatasetWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._writer.close()
        self._sink.close()


def read_dataset(folder: Path, like: np.ndarray) -> Rows:
    """Return the rows of a folder that `DatasetWriter` filled; the texts stay in the file.

    Args:
        folder: with `rows.arrow`.
        like: labels of the split that they will follow; tells what "no label" looks like, see `no_labels`.
    """
    import pyarrow as pa

    reader = pa.ipc.open_file(pa.memory_map(str(folder / ROWS)))
    batches: tuple[pa.RecordBatch, ...] = tuple(reader.get_batch(number) for number in range(reader.num_record_batches))
    count = sum(batch.num_rows for batch in batches)
    return Rows(batches, no_labels(like, count), np.arange(count))


def no_labels(like: np.ndarray, count: int) -> np.ndarray:
    """Return the labels of `count` rows that have none: -1 where labels are classes, NaN where they are numbers."""
    shape = (count, *like.shape[1:])
    return np.full(shape, np.nan, dtype=like.dtype) if like.dtype.kind == "f" else np.full(shape, -1, dtype=np.int64)
