"""Read parquet files, row groups one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from compactor.base.errors import DataError
from compactor.data.columns import Columns
from compactor.data.source import Source
from compactor.data.table import Raw

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 8192


def read_parquet(source: Source, columns: Columns) -> Raw:
    """Stream a parquet file; a ClassLabel that `datasets` noted in its metadata is respected.

    Raises:
        DataError: it is not parquet, or a column is missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    assert source.path is not None
    try:
        schema = pq.read_schema(source.path)
    except (pa.ArrowInvalid, OSError) as error:
        raise _damaged(source, error) from error
    columns.check(schema.names, source.name)
    names = _class_names(schema, columns.label)
    batches = _batches(source, source.path, columns)
    return Raw(name_classes(batches, columns.label, names, source.name), names) if names else Raw(batches)


def name_classes(batches: Iterator[pa.RecordBatch], label: str, names: tuple[str, ...], place: str) -> Iterator[pa.RecordBatch]:
    """Replace the ids of a ClassLabel column by their names; -1 is a missing label, as the hub's hidden test sets have it.

    Raises:
        DataError: an id has no name.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    row = 0
    for batch in batches:
        ids = pc.if_else(pc.equal(batch.column(label), -1), None, batch.column(label))
        highest = pc.max(ids).as_py()
        if highest is not None and highest >= len(names):
            raise DataError(
                "D107", f"{place}, after row {row}: the label {highest} has no name", f"its feature names {len(names)} classes"
            )
        column = pa.array(names, pa.large_string()).take(ids)
        yield batch.set_column(batch.schema.get_field_index(label), label, column)
        row += batch.num_rows


def _batches(source: Source, path: Path, columns: Columns) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(BATCH_ROWS, columns=columns.names, use_threads=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise _damaged(source, error) from error


def _class_names(schema: pa.Schema, label: str) -> tuple[str, ...]:
    """Return the names of a ClassLabel feature noted in the schema's `huggingface` entry, or nothing."""
    noted = (schema.metadata or {}).get(b"huggingface")
    features = json.loads(noted).get("info", {}).get("features", {}) if noted else {}
    feature = features.get(label) or {}
    return tuple(feature.get("names", ())) if feature.get("_type") == "ClassLabel" else ()


def _damaged(source: Source, error: Exception) -> DataError:
    return DataError(
        "D104", f"{source.name} cannot be read as parquet: {str(error).splitlines()[0][:200]}", "write the file again"
    )
