"""Read a json file with a list of objects, and json lines; a few thousand objects in memory at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from compactor.base.errors import DataError, Place
from compactor.data.columns import Columns
from compactor.data.label_columns import cut
from compactor.data.read import check_encoding
from compactor.data.source import Source
from compactor.data.table import Raw

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_ROWS = 4096
BLOCK_CHARACTERS = 1 << 20


def read_json_lines(source: Source, columns: Columns) -> Raw:
    """Stream a file with one JSON object a line; blank lines are skipped.

    Raises:
        DataError: a line is no JSON object, a column is missing, bytes are not UTF-8.
    """
    assert source.path is not None
    return Raw(_batches(_lines(source, source.path), columns, source))


def read_json_list(source: Source, columns: Columns) -> Raw:
    """Stream a file with one JSON list of objects.

    Raises:
        DataError: it is no list of objects, a column is missing, bytes are not UTF-8.
    """
    assert source.path is not None
    return Raw(_batches(_elements(source, source.path), columns, source))


def _lines(source: Source, path: Path) -> Iterator[Any]:
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                try:
                    yield json.loads(line)
                except json.JSONDecodeError as error:
                    raise _broken(source, error.msg, Place(source.name, number, error.colno)) from error
    except UnicodeDecodeError as error:
        check_encoding(path, source.name)
        raise _broken(source, str(error)) from error


def _elements(source: Source, path: Path) -> Iterator[Any]:
    """Yield the elements of a list without holding the list: decode one value at a time, read on when one is cut off."""
    try:
        with path.open(encoding="utf-8-sig") as stream:
            yield from _decode_list(source, stream)
    except UnicodeDecodeError as error:
        check_encoding(path, source.name)
        raise _broken(source, str(error)) from error


def _decode_list(source: Source, stream: IO[str]) -> Iterator[Any]:
    decoder, size = json.JSONDecoder(), BLOCK_CHARACTERS
    text, position = stream.read(size).lstrip(), 1
    if not text.startswith("["):
        raise DataError(
            "D104", f"{source.name} is not a list of objects", 'write [{"text": ..., "label": ...}, ...], or use .jsonl'
        )
    while True:
        while position < len(text) and text[position] in " \t\r\n,":
            position += 1
        if text[position : position + 1] == "]":
            return
        try:
            value, end = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            value, end, problem = None, len(text), error.msg
        else:
            problem = "the list does not end"
        # A value that touches the end of what was read may go on: read more, in steps that double, and decode it again.
        if end >= len(text):
            more = stream.read(size)
            if not more:
                raise _broken(source, problem)
            text, position, size = text[position:] + more, 0, size * 2
            continue
        position = end
        yield value


def _batches(values: Iterator[Any], columns: Columns, source: Source) -> Iterator[pa.RecordBatch]:
    """Gather objects into batches of string columns."""
    import pyarrow as pa

    kinds = {name: pa.list_(pa.large_string()) if name in columns.lists else pa.large_string() for name in columns.names}
    parts: dict[str, list[Any]] = {name: [] for name in columns.names}
    texts = {columns.text, columns.text_pair}
    row = 0
    for row, value in enumerate(values, start=1):
        if not isinstance(value, dict):
            raise DataError(
                "D104", f"{source.name}, row {row}: {str(value)[:40]!r} is not an object", 'write {"text": ..., "label": ...}'
            )
        if row == 1 or (columns.label or columns.text) not in value:
            columns.check(list(value), source.name if row == 1 else f"{source.name}, row {row}")
        for name, cells in parts.items():
            cell = value.get(name)
            cells.append(
                _list(cell, name, columns, row, source)
                if name in columns.lists
                else _cell(cell, name, name in texts, row, source)
            )
        if row % BLOCK_ROWS == 0:
            yield pa.record_batch({name: pa.array(cells, kinds[name]) for name, cells in parts.items()})
            parts = {name: [] for name in columns.names}
    if row % BLOCK_ROWS:
        yield pa.record_batch({name: pa.array(cells, kinds[name]) for name, cells in parts.items()})


def _list(value: Any, name: str, columns: Columns, row: int, source: Source) -> list[str | None] | None:
    """Return a cell that may have several values as a list: a string is cut at the separator, one label alone is a list of one."""
    if value is None:
        return None
    is_text = name == columns.text
    if isinstance(value, str) and columns.separator is not None and not is_text:
        value = cut(value, columns.separator)
    if not isinstance(value, list) and columns.kind == "tags":
        code, wanted = ("D106", "words") if is_text else ("D107", "tags, one for each word")
        raise DataError(
            code, f"{source.name}, row {row}: {name!r} holds a {type(value).__name__}, not a list of {wanted}", "write a list"
        )
    return [_cell(each, name, is_text, row, source) for each in (value if isinstance(value, list) else [value])]


def _cell(value: Any, name: str, is_text: bool, row: int, source: Source) -> str | None:
    """Return a cell as a string: numbers as JSON writes them, null as None."""
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise DataError(
                "D103", f"{source.name}, row {row}: {name!r} has half a surrogate pair", "write whole characters"
            ) from error
        return value
    if isinstance(value, float) and value != value:
        if is_text:
            raise DataError(
                "D106", f"{source.name}, row {row}: {name!r} is NaN, not a text", "drop the row, or name another column"
            )
        return None
    if isinstance(value, (list, dict)):
        code = "D106" if is_text else "D107"
        raise DataError(
            code, f"{source.name}, row {row}: {name!r} holds a {type(value).__name__}, not text", "name another column"
        )
    return None if value is None else json.dumps(value)


def _broken(source: Source, message: str, place: Place | None = None) -> DataError:
    return DataError("D104", f"{source.name} is not valid JSON: {message}", "write it with a JSON library", place)
