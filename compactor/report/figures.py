"""Figures that need two rows: ratios and differences, with intervals. Evidences are never mixed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from compactor.report.rows import REAL_LENGTH, Cell, Interval, Report, Row, Score

CellKey = tuple[int, str, int | None]


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, or without one where an input had none."""

    value: float
    ci95: Interval | None = None

    def excludes(self, point: float) -> bool:
        """Say whether the interval leaves a point out; False without an interval."""
        return self.ci95 is not None and not self.ci95[0] <= point <= self.ci95[1]


def main_cell(report: Report) -> CellKey | None:
    """Return the cell that stands for a row in one figure: batch 1 at the data's own lengths, else the smallest that most rows have."""
    counts: dict[CellKey, int] = {}
    for row in report.every:
        for cell in row.cells:
            if cell.p50 is not None:
                counts[cell.key] = counts.get(cell.key, 0) + 1
    if not counts:
        return None
    return min(counts, key=lambda key: (key[0], key[1] != REAL_LENGTH, -counts[key], _length(key[1]), key[2] or 0))


def cell_of(row: Row, key: CellKey | None) -> Cell | None:
    """Return a row's cell by key, or None."""
    return next((cell for cell in row.cells if cell.key == key and cell.p50 is not None), None)


def estimated_cell(row: Row) -> Cell | None:
    """Return the cell whose estimated interval stands for a row that was not timed: batch 1 and real lengths before others, or None."""
    known = [cell for cell in row.cells if cell.p50 is None and cell.interval is not None]
    return min(known, key=lambda cell: (cell.batch, cell.length != REAL_LENGTH, _length(str(cell.length))), default=None)


def cell_keys(rows: tuple[Row, ...]) -> list[CellKey]:
    """Return all cells of some rows in reading order: threads, batch, the data's own lengths first."""
    keys = {cell.key for row in rows for cell in row.cells}
    return sorted(keys, key=lambda key: (key[2] or 0, key[0], key[1] != REAL_LENGTH, _length(key[1])))


def times_faster(row: Row, base: Row, key: CellKey | None) -> Estimate | None:
    """Return how many times shorter a row's median time is than another's, in the same cell.

    None when either was not measured, or the two have other evidence. The interval treats the two medians as independent on a
    log scale; both were taken in turns, so it is on the wide side.
    """
    mine, theirs = cell_of(row, key), cell_of(base, key)
    if mine is None or theirs is None or row.evidence is None or row.evidence != base.evidence:
        return None
    return ratio(theirs, mine)


def ratio(first: Cell, second: Cell) -> Estimate | None:
    """Return first / second of two medians; the half widths of the logarithms add in squares."""
    if not first.p50 or not second.p50:
        return None
    value = first.p50 / second.p50
    widths = [
        math.log(cell.ci95_p50[1] / cell.ci95_p50[0]) / 2 for cell in (first, second) if cell.ci95_p50 and cell.ci95_p50[0] > 0
    ]
    if len(widths) < 2:
        return Estimate(value)
    half = math.hypot(*widths)
    return Estimate(value, (value * math.exp(-half), value * math.exp(half)))


def times_smaller(row: Row, base: Row) -> float | None:
    """Return how many times fewer bytes a row ships than another; sizes are counted, not timed, and have no interval."""
    return base.size_bytes / row.size_bytes if row.size_bytes and base.size_bytes else None


def quality_gain(row: Row, base: Row) -> Estimate | None:
    """Return a row's quality minus another's on the same split and metric (0 to 1 scale).

    With a paired difference in the record that one is returned. Otherwise the half widths add in squares (Newcombe's square-and-add),
    which ignores that the answers are to the same texts: the interval is on the wide side.
    """
    if row.quality is None or base.quality is None or row is base:
        return None
    mine, theirs = row.quality, base.quality
    if (mine.split, mine.metric) != (theirs.split, theirs.metric):
        return None
    paired = mine.against.get(base.id)
    if paired and paired.get("difference") is not None:
        ends = paired.get("ci95")
        return Estimate(float(paired["difference"]), (float(ends[0]), float(ends[1])) if ends else None)
    return difference(mine, theirs)


def difference(first: Score, second: Score) -> Estimate:
    """Return first - second of two scores as if they were independent (Newcombe 1998, method 10, from any two intervals)."""
    value = first.value - second.value
    if first.ci95 is None or second.ci95 is None:
        return Estimate(value)
    low = math.hypot(first.value - first.ci95[0], second.ci95[1] - second.value)
    high = math.hypot(first.ci95[1] - first.value, second.value - second.ci95[0])
    return Estimate(value, (value - low, value + high))


def is_paired(row: Row, base: Row) -> bool:
    """Say whether the record holds a paired difference of two rows."""
    return row.quality is not None and base.id in row.quality.against


def chain_evidence(report: Report) -> str | None:
    """Return the evidence that most rows have: the one that a chart may show."""
    known = [row.evidence for row in report.every if row.evidence and any(cell.p50 is not None for cell in row.cells)]
    return max(dict.fromkeys(known), key=known.count) if known else None


def _length(text: str) -> float:
    return float(text) if text.isdigit() else 0.0
