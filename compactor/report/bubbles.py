"""What the chart of the trade-off shows: which rows, which of them are one bubble, on which axes, and which none beats."""

from __future__ import annotations

import math
from dataclasses import dataclass

from compactor.report.figures import cell_of, chain_evidence, main_cell
from compactor.report.rows import Report, Row
from compactor.report.scales import Scale, fitted
from compactor.report.words import row_title

SAME_PIXELS = 7.0  # bubbles nearer than this, and alike in size, are one bubble with two names
SMALLEST_RADIUS = 4.0


@dataclass(frozen=True)
class Frame:
    """The size of one drawing: pixels, margins, fonts. A phone gets its own drawing instead of a shrunk one."""

    name: str
    width: float
    height: float
    largest_radius: float
    font: float
    details: bool
    left: float = 58
    right: float = 16
    top: float = 18
    bottom: float = 48


@dataclass(frozen=True)
class Bubble:
    """One or more rows at one place."""

    rows: tuple[Row, ...]
    x: float
    y: float
    size_bytes: int
    chosen: bool

    @property
    def title(self) -> str:
        """Names of the rows."""
        return " = ".join(row_title(row) for row in self.rows)

    @property
    def control(self) -> bool:
        """Whether only controls are here."""
        return all(row.control for row in self.rows)


def shown_rows(report: Report) -> tuple[list[Row], list[tuple[Row, str]]]:
    """Split the rows into those that the chart can show and those that it cannot, with the reason."""
    key, evidence = main_cell(report), chain_evidence(report)
    shown, left = [], []
    for row in report.every:
        if row.quality is None:
            left.append((row, "its quality was not measured"))
        elif cell_of(row, key) is None:
            left.append((row, "its latency was not measured"))
        elif row.size_bytes is None:
            left.append((row, "its size is not known"))
        elif row.evidence != evidence:
            left.append((row, f"its latency is {row.evidence}, the chart shows {evidence} ones"))
        elif report.teacher.quality and row.quality.split != report.teacher.quality.split:
            left.append((row, f"its quality is of the {row.quality.split} split"))
        else:
            shown.append(row)
    return shown, left


def scales(report: Report, rows: list[Row], frame: Frame) -> tuple[Scale, Scale]:
    """Return the axes across and up; they hold all rows, their intervals, and the budget where it is near."""
    key = main_cell(report)
    times = [cell.p50 for row in rows if (cell := cell_of(row, key)) and cell.p50]
    limit = report.limits.get("latency_ms")
    if limit and min(times) / 1.5 <= limit <= max(times) * 1.5:
        times.append(limit)
    qualities = [end for row in rows if row.quality for end in (row.quality.value, *(row.quality.ci95 or ()))]
    floor = quality_limit(report)
    if floor is not None:
        qualities.append(floor)
    across = fitted(times, frame.left, frame.width - frame.right, frame.largest_radius + 10, log_allowed=True)
    up = fitted(qualities, frame.height - frame.bottom, frame.top, 14)
    return across, up


def quality_limit(report: Report) -> float | None:
    """Return the lowest quality that the budget allows, or None."""
    drop, teacher = report.limits.get("accuracy_drop"), report.teacher.quality
    return teacher.value - drop if drop is not None and teacher is not None else None


def radius_of(size_bytes: float, largest: float, frame: Frame) -> float:
    """Return a bubble's radius in pixels: its area follows the size."""
    return max(SMALLEST_RADIUS, frame.largest_radius * math.sqrt(size_bytes / largest))


def make_bubbles(report: Report, rows: list[Row], across: Scale, up: Scale, frame: Frame, largest: float) -> list[Bubble]:
    """Return bubbles; rows of the chain whose bubbles would hide each other become one."""
    key, bubbles = main_cell(report), list[Bubble]()
    for row in rows:
        cell = cell_of(row, key)
        assert cell is not None
        assert cell.p50 is not None
        assert row.quality is not None
        new = Bubble((row,), cell.p50, row.quality.value, row.size_bytes or 1, row.id == report.selected)
        twin = next(
            (old for old in bubbles if not row.control and not old.control and _alike(old, new, across, up, frame, largest)),
            None,
        )
        if twin is None:
            bubbles.append(new)
        else:
            last = new if new.chosen else twin
            bubbles[bubbles.index(twin)] = Bubble((*twin.rows, row), last.x, last.y, last.size_bytes, twin.chosen or new.chosen)
    return bubbles


def _alike(one: Bubble, other: Bubble, across: Scale, up: Scale, frame: Frame, largest: float) -> bool:
    apart = math.hypot(across(one.x) - across(other.x), up(one.y) - up(other.y))
    radii = (radius_of(one.size_bytes, largest, frame), radius_of(other.size_bytes, largest, frame))
    return apart < max(SAME_PIXELS, 0.5 * min(radii)) and abs(radii[0] - radii[1]) < 2


def pareto(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points that no other beats: small first value, large second value, by rising first value."""
    front: list[tuple[float, float]] = []
    for x, y in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or y > front[-1][1]:
            front.append((x, y))
    return front
