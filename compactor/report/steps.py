"""What each stage bought and paid: three waterfalls from the teacher to the last stage, in bytes, milliseconds and points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from compactor.report.figures import Estimate, cell_of, main_cell, quality_gain, ratio, times_smaller
from compactor.report.markup import Markup, element, join, number
from compactor.report.rows import Report, Row
from compactor.report.words import metric_title, points, signed, significant, times

WIDTH, LINE, TOP = 344.0, 40.0, 4.0


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
        return "not measured"
    if step.size_change == 0:
        return "no change"
    told = f"{_change(step.size_change / 1e6)} MB"
    return f"{told}, {times(step.smaller)} smaller" if step.smaller >= 1.05 else told


def _time_words(step: Step) -> str:
    if step.time_change is None or step.faster is None:
        return "not measured"
    if step.faster.ci95 and not step.faster.excludes(1.0):
        return "no clear change"
    speed = step.faster.value
    return f"{_change(step.time_change)} ms, {f'{times(speed)} faster' if speed >= 1 else f'{times(1 / speed)} slower'}"


def _gain_words(step: Step) -> str:
    if step.gain is None:
        return "not measured"
    return "no change" if step.gain.value == 0 else f"{points(step.gain.value)} points"


def _change(value: float) -> str:
    text = significant(abs(value))
    return f"{'+' if value > 0 else chr(0x2212)}{text}" if float(text) else signed(0.0)


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
    height = TOP + LINE * len(rows)
    low, high = _range(known, from_zero=smaller_is_better)
    parts = []
    for index, (row, value) in enumerate(zip(rows, values, strict=True)):
        top = TOP + LINE * index
        before = values[index - 1] if index else None
        told = words[index - 1] if index else ""
        parts.append(element("text", row.id, class_="name", x=0, y=top + 12))
        parts.append(element("text", told, class_="figures", x=WIDTH, y=top + 12, text_anchor="end"))
        parts.append(element("rect", class_="track", x=0, y=top + 19, width=WIDTH - 48, height=10, rx=2))
        parts.append(
            element(
                "text",
                shown(value) if value is not None else "\u2013",
                class_="value",
                x=WIDTH,
                y=top + 28.5,
                text_anchor="end",
            )
        )
        if value is None:
            continue
        start = before if before is not None else (low if smaller_is_better else value)
        better = (value < start) == smaller_is_better
        kind = "total" if index == 0 or before is None else "same" if value == start else "bought" if better else "paid"
        parts.append(_bar(kind, (start - low) / (high - low), (value - low) / (high - low), top + 19))
    ident = f"step-{name}"
    described = "; ".join(
        f"{row.id} {shown(v) if v is not None else 'not measured'}" for row, v in zip(rows, values, strict=True)
    )
    return element(
        "figure",
        element("figcaption", title),
        element(
            "svg",
            element("title", title, id=f"{ident}-title"),
            element("desc", described, id=f"{ident}-desc"),
            join(parts),
            viewBox=f"0 0 {number(WIDTH)} {number(height)}",
            role="img",
            class_="waterfall",
            aria_labelledby=f"{ident}-title {ident}-desc",
        ),
    )


def _bar(kind: str, start: float, stop: float, top: float) -> Markup:
    room = WIDTH - 48
    left, width = min(start, stop) * room, abs(stop - start) * room
    return element("rect", class_=f"bar {kind}", x=left, y=top, width=max(2.5, width), height=10, rx=2)


def _range(known: list[float], *, from_zero: bool) -> tuple[float, float]:
    """Return the ends of the track: from zero for sizes and times, round the values for qualities."""
    if not known:
        return 0.0, 1.0
    if from_zero:
        return 0.0, max(known) or 1.0
    spread = max(known) - min(known) or 1.0
    return min(known) - 0.25 * spread, max(known) + 0.1 * spread
