"""Label names: which there are, in what order, and what each row's labels are as numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from compactor.base.errors import DataError
from compactor.data.ragged import Ragged

if TYPE_CHECKING:
    from compactor.data.table import Table

OUTSIDE = "O"  # the tag of a word that belongs to nothing
WHOLE = re.compile(r"[+-]?[0-9]{1,18}(\.0*)?")


def label_names(table: Table) -> tuple[str, ...]:
    """Return the class names of a training table, in id order.

    A ClassLabel column keeps its own order. Else whole numbers go in numeric order (0 to k-1 keep their ids), names in sorted order;
    of tags, the one for "nothing" (O) is the first. Numbers have no names: see `Data.labels`.

    Raises:
        DataError: fewer than two classes occur.
    """
    names = table.class_names or tuple(sorted(set(_canonical(table)), key=_order))
    if table.kind == "tags" and not table.class_names and OUTSIDE in names:
        names = (OUTSIDE, *(name for name in names if name != OUTSIDE))
    if not table.label_names:
        raise DataError("D108", f"{table.place}: no row has a label", "is data.label the right column?")
    if len(table.label_names) < 2 and table.kind != "classes":
        raise DataError(
            "D108",
            f"{table.place}: every row has the label {table.label_names[0]!r}",
            "a classifier needs two classes; is data.label the right column?",
        )
    return names


def labels_of(table: Table, names: tuple[str, ...], role: str) -> np.ndarray | Ragged:
    """Return the labels of a table's rows as training and scoring take them.

    Returns:
        For `class`, ids, int64 (n,); for `classes`, float32 (n, labels), 1 where a row has a label; for `number` and `vector`, float32
        (n, 1); for `tags`, ids by word.

    Raises:
        DataError: a label is not among the names.
    """
    if isinstance(table.codes, np.ndarray):
        return table.codes if table.codes.dtype.kind == "f" else label_ids(table, names, role)
    ids = Ragged(_ids(table, names, role)[table.codes.values], table.codes.offsets)
    if table.kind == "tags":
        return ids
    sets = np.zeros((len(ids), len(names)), dtype=np.float32)
    sets[np.repeat(np.arange(len(ids)), ids.lengths), ids.values] = 1.0
    return sets


def label_ids(table: Table, names: tuple[str, ...], role: str) -> np.ndarray:
    """Return the label id of each row of a table with one label a row, int64 (n,).

    Raises:
        DataError: a label is not among the names.
    """
    assert isinstance(table.codes, np.ndarray)
    ids: np.ndarray = _ids(table, names, role)[table.codes]
    return ids


def _ids(table: Table, names: tuple[str, ...], role: str) -> np.ndarray:
    """Return the id of each code, int64 (codes,).

    Raises:
        DataError: a label is not among the names.
    """
    known = {name: identity for identity, name in enumerate(names)}
    canonical = _canonical(table)
    strange = [(table.first_rows[code], name) for code, name in enumerate(canonical) if name not in known]
    if strange:
        row, name = min(strange)
        listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        more = f" ({len(strange)} such labels)" if len(strange) > 1 else ""
        raise DataError(
            "D109",
            f"{table.place}, row {row}: the {role} label {name!r} does not occur in the training data{more}",
            f"the labels are {listed}; drop the row, or add such rows to train",
        )
    return np.array([known[name] for name in canonical], dtype=np.int64)


def _canonical(table: Table) -> Sequence[str]:
    """Write whole numbers alike (`1.0` and `+1` as `1`) when all labels are whole numbers; names stay as they are.

    Raises:
        DataError: all labels but `nan` are whole numbers, so `nan` is a missing one.
    """
    names = table.label_names
    if table.class_names or not names:
        return names
    holes = [code for code, name in enumerate(names) if name.lower() == "nan"]
    rest = [name for name in names if name.lower() != "nan"]
    if not rest or not all(WHOLE.fullmatch(name) for name in rest):
        return names
    if holes:
        raise DataError(
            "D107", f"{table.place}, row {table.first_rows[holes[0]]}: the label is NaN", "fill it in, or drop the row"
        )
    return [str(int(name.partition(".")[0])) for name in names]


def _order(name: str) -> tuple[int, int, str]:
    """Sort whole numbers by value, before names."""
    return (0, int(name), name) if WHOLE.fullmatch(name) and "." not in name else (1, 0, name)
