"""What each stage bought and paid: three waterfalls from the teacher to the last stage, in bytes, milliseconds and points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from compactor.report.figures import Estimate, cell_of, main_cell, quality_gain, ratio, times_smaller
from compactor.report.markup import Markup, element, number
from compactor.report.rows import Report, Row
from compactor.report.words import NOT_MEASURED, metric_title, points, signed, significant, times

WIDTH, LINE, TOP, VALUES = 344.0, 40.0, 4.0, 48.0  # pixels; VALUES is the room for the figure at the right end
NO_CLEAR_CHANGE = "no clear change"


@dataclass(frozen=True)
class Step:
    """One stage against the one before it; None where either was not measured, or the evidences differ."""

    row: Row
    smaller: float | None
    size_change: int | None
    faster: Estimate | None
    time_change: float | None
    gain: Estimate | None


def steps(report: Report) -> list[Step]:
    """Return the steps of the chain, after the teacher."""
    key, found = main_cell(report), []
    for before, row in zip(report.rows, report.rows[1:], strict=False):
        old, new = cell_of(before, key), cell_of(row, key)
        known = old is not None and new is not None and row.evidence is not None and row.evidence == before.evidence
        size_change = (
            row.size_bytes - before.size_bytes if row.size_bytes is not None and before.size_bytes is not None else None
        )
        found.append(
            Step(
                row,
                times_smaller(row, before),
                size_change,
                ratio(old, new) if known and old and new else None,
                new.p50 - old.p50 if known and old and new and new.p50 is not None and old.p50 is not None else None,
                quality_gain(row, before),
            )
        )
    return found


def waterfalls(report: Report) -> list[Markup]:
    """Return the three panels as inline SVG: size, time, quality."""
    key = main_cell(report)
    rows = report.rows
    sizes = [row.size_bytes / 1e6 if row.size_bytes is not None else None for row in rows]
    evidence = report.teacher.evidence
    times_ms = [cell.p50 if (cell := cell_of(row, key)) and row.evidence == evidence else None for row in rows]
    scores = [100 * row.quality.value if row.quality else None for row in rows]
    metric = metric_title(report.teacher.quality.metric) if report.teacher.quality else "quality"
    told = steps(report)
    return [
        _panel("size", "Size, MB", rows, sizes, [_size_words(step) for step in told], significant, smaller_is_better=True),
        _panel(
            "time",
            "Median latency, ms",
            rows,
            times_ms,
            [_time_words(step) for step in told],
            significant,
            smaller_is_better=True,
        ),
        _panel(
            "quality",
            f"{metric.capitalize()}, %",
            rows,
            scores,
            [_gain_words(step) for step in told],
            "{:.1f}".format,
            smaller_is_better=False,
        ),
    ]


def _size_words(step: Step) -> str:
    if step.size_change is None or step.smaller is None:
        return NOT_MEASURED
    if step.size_change == 0:
        return "no change"
    told = f"{_change(step.size_change / 1e6)} MB"
    return f"{told}, {times(step.smaller)} smaller" if step.smaller >= 1.05 else told


def _time_words(step: Step) -> str:
    if step.time_change is None or step.faster is None:
        return NOT_MEASURED
    if step.faster.ci95 and not step.faster.excludes(1.0):
        return NO_CLEAR_CHANGE
    speed = step.faster.value
    return f"{_change(step.time_change)} ms, {f'{times(speed)} faster' if speed >= 1 else f'{times(1 / speed)} slower'}"


def _gain_words(step: Step) -> str:
    if step.gain is None:
        return NOT_MEASURED
    return "no change" if step.gain.value == 0 else f"{points(step.gain.value)} points"


def _change(value: float) -> str:
    text = significant(round(abs(value), 9))  # what subtraction left behind is no change
    return f"{'+' if value > 0 else chr(0x2212)}{text}" if float(text) else signed(0.0)


@dataclass(frozen=True)
class Track:
    """The horizontal axis of one panel, and which direction is the good one."""

    low: float
    high: float
    smaller_is_better: bool

    def bar(self, before: float | None, value: float, *, changed: bool) -> tuple[str, float, float]:
        """Return the kind of a bar and its ends in pixels; the first bar of a panel is a total."""
        start = before if before is not None else self.low if self.smaller_is_better else value
        if before is None:
            kind = "total"
        elif value == start or not changed:
            kind = "same"
        else:
            kind = "bought" if (value < start) == self.smaller_is_better else "paid"
        return kind, self._pixel(min(start, value)), self._pixel(max(start, value))

    def _pixel(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low) * (WIDTH - VALUES)


def _panel(
    name: str,
    title: str,
    rows: tuple[Row, ...],
    values: list[float | None],
    words: list[str],
    shown: Callable[[float], str],
    *,
    smaller_is_better: bool,
) -> Markup:
    """Draw one waterfall: the teacher's bar, then a floating bar from each value to the next."""
    known = [value for value in values if value is not None]
    track = Track(*_range(known, from_zero=smaller_is_better), smaller_is_better)
    befores, told = [None, *values[:-1]], ["", *words]
    texts = [shown(value) if value is not None else NOT_MEASURED for value in values]
    lines = [
        [
            _texts(TOP + LINE * index, row.id, told[index], texts[index]),
            _bar(track, befores[index], values[index], told[index], index),
        ]
        for index, row in enumerate(rows)
    ]
    ident = f"step-{name}"
    described = "; ".join(f"{row.id} {text}" for row, text in zip(rows, texts, strict=True))
    drawing = element(
        "svg",
        element("title", title, id=f"{ident}-title"),
        element("desc", described, id=f"{ident}-desc"),
        lines,
        viewBox=f"0 0 {number(WIDTH)} {number(TOP + LINE * len(rows))}",
        role="img",
        class_="waterfall",
        aria_labelledby=f"{ident}-title {ident}-desc",
    )
    return element("figure", element("figcaption", title), drawing)


def _texts(top: float, name: str, told: str, value: str) -> list[Markup]:
    return [
        element("text", name, class_="name", x=0, y=top + 12),
        element("text", told, class_="figures", x=WIDTH, y=top + 12, text_anchor="end"),
        element("rect", class_="track", x=0, y=top + 19, width=WIDTH - VALUES, height=10, rx=2),
        element("text", value if value != NOT_MEASURED else "\u2013", class_="value", x=WIDTH, y=top + 28.5, text_anchor="end"),
    ]


def _bar(track: Track, before: float | None, value: float | None, told: str, index: int) -> Markup | None:
    if value is None:
        return None
    kind, left, right = track.bar(before, value, changed=told != NO_CLEAR_CHANGE)
    return element(
        "rect", class_=f"bar {kind}", x=left, y=TOP + LINE * index + 19, width=max(2.5, right - left), height=10, rx=2
    )


def _range(known: list[float], *, from_zero: bool) -> tuple[float, float]:
    """Return the ends of the track: from zero for sizes and times, round the values for qualities."""
    if not known:
        return 0.0, 1.0
    if from_zero:
        return 0.0, max(known) or 1.0
    spread = max(known) - min(known) or 1.0
    return min(known) - 0.25 * spread, max(known) + 0.1 * spread
