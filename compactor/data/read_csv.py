"""Read csv and tsv. A csv has quotes with newlines inside; a tsv, as GLUE writes it, has none: a quote is a quote."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from compactor.base.errors import DataError
from compactor.data.columns import Columns
from compactor.data.read import check_encoding
from compactor.data.source import Source
from compactor.data.table import Raw

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_BYTES = 4 << 20
MOST_BLOCK_BYTES = (1 << 31) - 1


def read_csv(source: Source, columns: Columns) -> Raw:
    """Stream a csv or tsv file; every cell is read as a string, so `007` stays `007`.

    Raises:
        DataError: a column is missing, a row has too many or too few cells, bytes are not UTF-8.
    """
    assert source.path is not None
    columns.check(_header(source), source.name)
    return Raw(_batches(source, source.path, columns))


def _header(source: Source) -> list[str]:
    """Return the column names of the first row."""
    import csv

    assert source.path is not None
    try:
        # Bytes that are not UTF-8 are looked for in the columns that are read; only in those may they do harm.
        with source.path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            rows = csv.reader(stream) if source.kind == "csv" else csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
            names = next((row for row in rows if row), [])
    except csv.Error as error:
        check_encoding(source.path, source.name)
        raise DataError("D104", f"{source.name}: the first line cannot be read: {error}", "it must name the columns") from error
    if any("\ufffd" in name for name in names):
        check_encoding(source.path, source.name)
    return names


def _batches(source: Source, path: Path, columns: Columns) -> Iterator[pa.RecordBatch]:
    """Yield batches; a row longer than a block makes the blocks grow from there on."""
    import pyarrow as pa

    done, block_bytes = 0, BLOCK_BYTES
    while True:
        rows = 0
        try:
            for batch in _open(source, path, columns, block_bytes):
                rows += batch.num_rows
                if rows > done:
                    yield batch.slice(max(0, batch.num_rows - (rows - done)))
                    done = rows
        except pa.ArrowInvalid as error:
            if "straddling" in str(error) and block_bytes < MOST_BLOCK_BYTES:
                block_bytes = min(block_bytes * 8, MOST_BLOCK_BYTES)
                continue
            check_encoding(path, source.name)
            raise _malformed(source, str(error)) from error
        except UnicodeDecodeError as error:
            check_encoding(path, source.name)
            raise _malformed(source, str(error)) from error
        else:
            return


def _open(source: Source, path: Path, columns: Columns, block_bytes: int) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    from pyarrow import csv

    plain = source.kind == "tsv"
    parse = csv.ParseOptions(
        delimiter="\t" if plain else ",",
        quote_char=False if plain else '"',
        double_quote=not plain,
        newlines_in_values=not plain,
    )
    convert = csv.ConvertOptions(
        include_columns=columns.names,
        column_types=dict.fromkeys(columns.names, pa.large_string()),
        strings_can_be_null=False,
    )
    # One thread: the rows of a parse error are then counted, and memory holds one block.
    read = csv.ReadOptions(use_threads=False, block_size=block_bytes)
    yield from csv.open_csv(str(path), read_options=read, parse_options=parse, convert_options=convert)


def _malformed(source: Source, message: str) -> DataError:
    """Say what Arrow found wrong, with the line it counts if it does."""
    found = re.search(r"(?:Row #(?P<row>\d+): )?Expected (?P<wanted>\d+) columns, got (?P<got>\d+)", message)
    if found is None:
        return DataError(
            "D104", f"{source.name} cannot be read: {message.splitlines()[0][:200]}", "check the file's quotes and separators"
        )
    where = f"{source.name}, row {int(found['row']) - 1}" if found["row"] else source.name
    remedy = "quote texts that contain a comma" if source.kind == "csv" else "a text may not contain a tab; a tsv has no quotes"
    return DataError("D104", f"{where}: {found['got']} cells where the first line names {found['wanted']} columns", remedy)
