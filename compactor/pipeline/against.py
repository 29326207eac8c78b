"""Rows held against each other on the same texts: the paired difference of the metric, with its interval."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from compactor.pipeline.execute import Session
from compactor.pipeline.record import Row


def hold_against(session: Session, rows: list[Row], controls: list[Row]) -> None:
    """Fill `against` of every scored row: the rows it is read beside, each with the difference and its 95 % interval."""
    from compactor.tasks.metrics import paired_difference

    data = session.open_data()
    split = data.test if data.test is not None else data.validation
    right = {row.id: _right(session, row, split.labels) for row in rows + controls}
    for row, other in _pairs(rows, controls):
        mine, theirs = right[row.id], right[other.id]
        if mine is not None and theirs is not None:
            difference, interval = paired_difference(mine, theirs, session.profile.seed)
            row.against[other.id] = {"difference": difference, "ci95": list(interval)}


def _right(session: Session, row: Row, labels: np.ndarray) -> np.ndarray | None:
    return None if row.answers is None else session.profile.task.right(row.answers, labels)


def _pairs(rows: list[Row], controls: list[Row]) -> Iterator[tuple[Row, Row]]:
    """Yield (row, a row it is held against): the teacher, the row before, the student on labels alone; controls and package both ways."""
    labels_only = [row for row in controls if row.control == "labels_only"]
    for number, row in enumerate(rows):
        others = {other.id: other for other in (rows[0], *rows[max(0, number - 1) : number], *labels_only)}
        yield from ((row, other) for other in others.values() if other is not row)
    for control in controls:
        yield control, rows[0]
        yield control, rows[-1]
        if control not in labels_only:
            yield rows[-1], control
