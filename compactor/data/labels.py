"""Label names: which there are, in what order, and the id of each row's label."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from compactor.base.errors import DataError

if TYPE_CHECKING:
    from compactor.data.table import Table

MOST_LABELS = 10_000
WHOLE = re.compile(r"[+-]?[0-9]{1,18}(\.0*)?")


def label_names(table: Table) -> tuple[str, ...]:
    """Return the class names of a training table, in id order.

    A ClassLabel column keeps its own order. Else whole numbers go in numeric order (0 to k-1 keep their ids), names in sorted order.

    Raises:
        DataError: fewer than two classes occur.
    """
    names = table.class_names or tuple(sorted(set(_canonical(table)), key=_order))
    if len(table.label_names) < 2:
        raise DataError(
            "D108",
            f"{table.place}: every row has the label {table.label_names[0]!r}",
            "a classifier needs two classes; is data.label the right column?",
        )
    return names


def label_ids(table: Table, names: tuple[str, ...], role: str) -> np.ndarray:
    """Return the label id of each row of a table, int64 (n,).

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
    ids: np.ndarray = np.array([known[name] for name in canonical], dtype=np.int64)
    of_rows: np.ndarray = ids[table.codes]
    return of_rows


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
