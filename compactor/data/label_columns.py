"""Label columns that do not name one class: lists of names, numbers, and the words that tags belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.errors import DataError
from compactor.data.columns import as_label_names, first_true, flat

if TYPE_CHECKING:
    import pyarrow as pa

# Parts the words of a row in the text column; a control character that no text has, and that splits in one call.
WORD_END = "\x1f"


def as_label_lists(column: pa.Array, name: str, place: str, first_row: int, separator: str | None) -> tuple[pa.Array, Any]:
    """Return the label names of all rows end to end (large strings, trimmed), and int64 (n + 1,) where each row begins.

    Args:
        column: lists of names or whole numbers; or strings, cut at the separator, where an empty string is a row without labels.
        name: of the column, for messages.
        place: name of the file, for messages.
        first_row: number of the column's first row in the file, from 1.
        separator: parts the names of a string.

    Raises:
        DataError: D107 a cell is missing, is neither a list nor can be cut into one, or holds what is no name.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column = flat(column)
    if not _is_list(column.type):
        if separator is None:
            raise DataError(
                "D107",
                f"{place}: the label column {name!r} holds {column.type}, not lists of names",
                "say what parts the names of a cell: data.separator: ','",
            )
        column = _split(column, separator)
    if (row := first_true(pc.is_null(column))) is not None:
        raise DataError("D107", f"{place}, row {first_row + row}: the labels are missing", "write an empty list for none")
    values, offsets = _values(column)
    if not len(values):
        return pa.array([], pa.large_string()), offsets
    return as_label_names(values, name, place, first_row), offsets


def cut(text: str, separator: str) -> list[str]:
    """Return the names in a cell that is no list, trimmed; an empty cell has none."""
    return [name for name in (part.strip() for part in text.split(separator)) if name]


def as_words(column: pa.Array, name: str, place: str, first_row: int) -> tuple[pa.Array, Any]:
    """Return each row's words as one large string, parted by U+001F, and int64 (n + 1,) where each row begins.

    Raises:
        DataError: D106 the column holds no lists of text, or a row is missing.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column = flat(column)
    if not _is_list(column.type):
        raise DataError(
            "D106", f"{place}: the column {name!r} holds {column.type}, not lists of words", "name a column with lists of words"
        )
    if (row := first_true(pc.is_null(column))) is not None:
        raise DataError("D106", f"{place}, row {first_row + row}: the words are missing", "drop the row")
    values, offsets = _values(column)
    words = pc.fill_null(values.cast(pa.string()), "")
    # A word that held the mark would become two, and shift all tags behind it.
    words = pc.replace_substring(words, WORD_END, " ")
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), words)
    return pc.binary_join(lists, WORD_END).cast(pa.large_string()), offsets


def as_numbers(column: pa.Array, name: str, place: str, first_row: int) -> pa.Array:
    """Return a label column as float32.

    Raises:
        DataError: D107 a number is missing, is not finite, or is no number.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column = flat(column)
    try:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            column = pc.utf8_trim_whitespace(column)
            column = pc.if_else(pc.equal(column, ""), None, column)
        numbers = column.cast(pa.float64()).cast(pa.float32(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            "D107",
            f"{place}, after row {first_row - 1}: {name!r} is not a number ({str(error).splitlines()[0][:120]})",
            "this task wants a number for each row; write it with a point",
        ) from error
    if (row := first_true(pc.invert(pc.fill_null(pc.is_finite(numbers), False)))) is not None:
        raise DataError("D107", f"{place}, row {first_row + row}: the number is missing", f"fill in {name!r}, or drop the row")
    return numbers


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _split(column: pa.Array, separator: str) -> pa.Array:
    """Cut the strings of a column at the separator."""
    import pyarrow as pa

    cells = [None if text is None else cut(text, separator) for text in column.cast(pa.large_string()).to_pylist()]
    return pa.array(cells, pa.list_(pa.large_string()))


def _values(column: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Return a list column's values end to end, and where each row begins, from 0."""
    import pyarrow.compute as pc

    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False).astype(np.int64)
    return pc.list_flatten(column), np.concatenate([[0], np.cumsum(lengths)])
