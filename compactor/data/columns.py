"""Turn columns of any type into the three that a split has: text, second sentence, label code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compactor.base.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Columns:
    """Names of the columns to take; `label` is None for texts without labels.

    `kind` says what the labels are (`label_kind` of the task); `separator` parts the names in a cell that is no list. `place` is where
    an image lies, whose content's hash then is its text; `group` says which rows belong together.
    """

    text: str
    text_pair: str | None
    label: str | None
    kind: str = "class"
    separator: str | None = None
    place: str | None = None
    group: str | None = None

    @property
    def lists(self) -> frozenset[str]:
        """Names of the columns whose cells are lists, where the format has lists."""
        return frozenset(
            name
            for name, has in ((self.text, self.kind == "tags"), (self.label, self.kind in {"tags", "classes"}))
            if has and name is not None
        )

    @property
    def key(self) -> dict[str, Any]:
        """What of it decides the table's content; what came later is left out where it is not used."""
        return {name: value for name, value in vars(self).items() if name not in {"place", "group"} or value is not None}

    @property
    def names(self) -> list[str]:
        """All of them, in order, each once."""
        return list(dict.fromkeys(name for name in (self.text, self.text_pair, self.label, self.group) if name is not None))

    def check(self, found: list[str], place: str) -> None:
        """Refuse a source that lacks one of the columns, or has it twice."""
        import difflib

        named = {"text": self.text, "text_pair": self.text_pair, "label": self.label, "group": self.group}
        for setting, name in named.items():
            if name is None or found.count(name) == 1:
                continue
            if name in found:
                raise DataError("D102", f"{place} has the column {name!r} {found.count(name)} times", "rename one of them")
            folded = {column.casefold(): column for column in reversed(found)}
            close = difflib.get_close_matches(name.casefold(), folded, n=1)
            listed = ", ".join(repr(column) for column in found[:12]) + (", ..." if len(found) > 12 else "")
            guess = f"did you mean {folded[close[0]]!r}? " if close else ""
            hint = f"{guess}its columns are {listed}; set data.{setting}" if found else "its first line must name the columns"
            raise DataError("D102", f"{place} has no column {name!r}", hint)


def as_text(column: pa.Array, name: str, place: str, first_row: int) -> pa.Array:
    """Return a column as large strings without nulls; a missing text becomes an empty one.

    Args:
        column: any Arrow type that can be text.
        name: of the column, for messages.
        place: name of the file, for messages.
        first_row: number of the column's first row in the file, from 1.

    Raises:
        DataError: NaN in a float column, bytes that are not UTF-8, or a type that is no text.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column = flat(column)
    if pa.types.is_floating(column.type):
        holes = pc.fill_null(pc.is_nan(column), True)
        if (row := first_true(holes)) is not None:
            raise DataError(
                "D106", f"{place}, row {first_row + row}: {name!r} is NaN, not a text", "drop the row, or name another column"
            )
    if pa.types.is_nested(column.type):
        raise DataError("D106", f"{place}: the column {name!r} holds {column.type}, not text", "name a column with text")
    try:
        return pc.fill_null(column.cast(pa.large_string()), "")
    except pa.ArrowInvalid as error:
        raise DataError(
            "D103", f"{place}, after row {first_row - 1}: {name!r} is not UTF-8", "save the file as UTF-8"
        ) from error
    except pa.ArrowNotImplementedError as error:
        raise DataError(
            "D106", f"{place}: the column {name!r} holds {column.type}, not text", "name a column with text"
        ) from error


def as_label_names(column: pa.Array, name: str, place: str, first_row: int) -> pa.Array:
    """Return a label column as strings, trimmed; whole numbers as such (`1.0` of a float column is `1`).

    Raises:
        DataError: a label is missing (null, NaN, empty), or the type cannot name a class.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column = flat(column)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
        try:
            column = column.cast(pa.int64())
        except pa.ArrowInvalid as error:
            raise DataError(
                "D107", f"{place}: the label column {name!r} holds fractions", "a label is a name or a whole number"
            ) from error
    if pa.types.is_nested(column.type) or pa.types.is_temporal(column.type):
        raise DataError(
            "D107", f"{place}: the label column {name!r} holds {column.type}", "a label is a name or a whole number"
        )
    try:
        names = pc.utf8_trim_whitespace(column.cast(pa.large_string()))
    except pa.ArrowInvalid as error:
        raise DataError(
            "D103", f"{place}, after row {first_row - 1}: {name!r} is not UTF-8", "save the file as UTF-8"
        ) from error
    missing = pc.fill_null(pc.equal(names, ""), True)
    if (row := first_true(missing)) is not None:
        raise DataError("D107", f"{place}, row {first_row + row}: the label is missing", f"fill in {name!r}, or drop the row")
    return names


def first_true(mask: pa.Array) -> int | None:
    """Return the position of the first true value, or None."""
    import pyarrow.compute as pc

    position = pc.index(mask, True).as_py()
    return None if position < 0 else int(position)


def flat(column: pa.Array) -> pa.Array:
    """Return a column as one array, without a dictionary."""
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
