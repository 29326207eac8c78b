"""Rows held against each other on the same texts: the paired difference of the metric, with its interval."""

from __future__ import annotations

from collections.abc import Iterator

from compactor.pipeline.execute import Session
from compactor.pipeline.record import Row


def hold_against(session: Session, rows: list[Row], controls: list[Row]) -> None:
    """Fill `against` of every scored row: the rows it is read beside, each with the difference and its 95 % interval."""
    data = session.open_data()
    split = data.test if data.test is not None else data.validation
    labels, profile = split.labels, session.profile
    for row, other in _pairs(rows, controls):
        if row.answers is None or other.answers is None:
            continue
        found = profile.task.difference(row.answers, other.answers, labels, seed=profile.seed, names=data.labels)
        if found is not None:
            difference, interval = found
            row.against[other.id] = {"difference": difference, "ci95": list(interval)}


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
