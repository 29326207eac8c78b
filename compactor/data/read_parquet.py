"""Read parquet files, row groups one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.errors import DataError
from compactor.data.columns import Columns, first_true, flat
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
    names = _class_names(schema, columns.label) if columns.label else ()
    batches = _batches(source, source.path, columns)
    return Raw(name_classes(batches, columns.label, names, source.name), names) if columns.label and names else Raw(batches)


def name_classes(batches: Iterator[pa.RecordBatch], label: str, names: tuple[str, ...], place: str) -> Iterator[pa.RecordBatch]:
    """Replace the ids of a ClassLabel column by their names; -1 is a missing label, as the hub's hidden test sets have it.

    Raises:
        DataError: D107 an id has no name, or is no whole number.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    row = 1
    for batch in batches:
        given = flat(batch.column(label))
        nested = pa.types.is_list(given.type) or pa.types.is_large_list(given.type)
        values = pc.list_flatten(given) if nested else given
        wrong = _first_without_name(values, len(names), label, place)
        if wrong is not None:
            where = row + (pc.list_parent_indices(given)[wrong].as_py() if nested else wrong)
            hint = f"its feature names {len(names)} classes, by whole numbers from 0"
            raise DataError("D107", f"{place}, row {where}: the label {values[wrong].as_py()} has no name", hint)
        values = pc.if_else(pc.is_nan(values), None, values) if pa.types.is_floating(values.type) else values
        ids = values.cast(pa.int64())
        column = pa.array(names, pa.large_string()).take(pc.if_else(pc.equal(ids, -1), None, ids))
        if nested:
            column = pa.LargeListArray.from_arrays(_offsets(given), column)
        yield batch.set_column(batch.schema.get_field_index(label), label, column)
        row += batch.num_rows


def _first_without_name(values: pa.Array, names: int, label: str, place: str) -> int | None:
    """Return the position of the first id that is no whole number from -1 to the last name, or None; missing ones are left to others.

    Raises:
        DataError: D107 the column holds no numbers.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)):
        hint = "write the numbers that its feature names, or drop the feature"
        raise DataError("D107", f"{place}: the label column {label!r} holds {kind}, not the numbers of its classes", hint)
    if pa.types.is_null(kind):
        return None
    wrong = pc.or_(pc.less(values, -1), pc.greater_equal(values, names))
    if pa.types.is_floating(kind):
        wrong = pc.and_(pc.or_(wrong, pc.not_equal(values, pc.floor(values))), pc.invert(pc.is_nan(values)))
    return first_true(pc.fill_null(wrong, False))


def _offsets(column: pa.Array) -> pa.Array:
    """Return where each list of a column begins once they lie end to end; a missing list has none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(column).cast(pa.int64()), 0)
    return pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths)])


def feature_names(feature: Any) -> tuple[str, ...]:
    """Return the class names of a ClassLabel feature, or of a list of such, as `datasets` writes features in JSON; else nothing."""
    while isinstance(feature, dict) and feature.get("_type") in {"Sequence", "List", "LargeList"}:
        feature = feature.get("feature")
    return tuple(feature.get("names", ())) if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" else ()


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
    return feature_names(features.get(label))


def _damaged(source: Source, error: Exception) -> DataError:
    return DataError(
        "D104", f"{source.name} cannot be read as parquet: {str(error).splitlines()[0][:200]}", "write the file again"
    )
