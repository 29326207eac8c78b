"""Draws the chart of the trade-off as inline SVG: latency across, quality up, size as area, labels beside the bubbles."""

from __future__ import annotations

import math
from itertools import pairwise

from compactor.report.bubbles import Bubble, Frame, make_bubbles, pareto, radius_of, scales, shown_rows
from compactor.report.budget_lines import BudgetLine, budget_lines, drawn
from compactor.report.figures import CellKey, cell_of, main_cell
from compactor.report.labels import Anchor, Box, Placed, place, text_width
from compactor.report.markup import Markup, element, join, number
from compactor.report.rows import Report, Row
from compactor.report.scales import Scale
from compactor.report.words import (
    cell_title,
    megabytes,
    metric_title,
    milliseconds,
    percent,
    row_title,
    score_text,
    significant,
)

WIDE = Frame("wide", 1040, 540, 44, 13, details=True)
NARROW = Frame("narrow", 360, 430, 26, 12, details=False, left=46, right=8)


def bubble_chart(report: Report, frame: Frame) -> Markup | None:
    """Return the chart as inline SVG, or None when no row has both latency and quality."""
    rows, _ = shown_rows(report)
    if not rows:
        return None
    across, up = scales(report, rows, frame)
    largest = max(row.size_bytes or 1 for row in rows)
    bubbles = make_bubbles(report, rows, across, up, frame, largest)
    anchors = _anchors(bubbles, across, up, frame, largest)
    limits = budget_lines(report, across, up, frame, anchors)
    inner = Box(
        frame.left + 2, frame.top, frame.width - frame.left - frame.right - 4, frame.height - frame.top - frame.bottom - 4
    )
    placed = place(anchors, inner, _line_boxes(bubbles, across, up, limits))
    ident = f"trade-off-{frame.name}"
    quality = metric_title(rows[0].quality.metric if rows[0].quality else "quality")
    return element(
        "svg",
        element("title", f"{quality} against latency, one bubble for each stage", id=f"{ident}-title"),
        element("desc", described(report), id=f"{ident}-desc"),
        _axes(report, across, up, frame, quality),
        drawn(limits),
        _pareto(bubbles, across, up),
        [_whisker(bubble, across, up) for bubble in bubbles],
        [_circle(bubble, across, up, frame, largest) for bubble in sorted(bubbles, key=lambda b: -b.size_bytes)],
        [
            _label(bubble, spot, across, up, frame, radius_of(bubble.size_bytes, largest, frame))
            for bubble, spot in zip(bubbles, placed, strict=True)
        ],
        viewBox=f"0 0 {number(frame.width)} {number(frame.height)}",
        role="img",
        class_=f"chart {frame.name}",
        aria_labelledby=f"{ident}-title {ident}-desc",
        font_size=frame.font,
    )


def described(report: Report) -> str:
    """Say in words what the chart shows."""
    rows, _ = shown_rows(report)
    key = main_cell(report)
    told = [f"{row_title(row)}: {_figures(row, key)}" for row in rows]
    return ". ".join(told) + "."


def size_key(report: Report, frame: Frame) -> list[tuple[int, float]]:
    """Return round sizes in bytes with the radius that a chart gives them."""
    largest = max((row.size_bytes or 0 for row in shown_rows(report)[0]), default=0)
    if not largest:
        return []
    power = 10 ** math.floor(math.log10(largest))
    return [(size, radius_of(size, largest, frame)) for size in (power // 10, power) if size]


def _figures(row: Row, key: CellKey | None) -> str:
    cell = cell_of(row, key)
    return f"{megabytes(row.size_bytes)}, {milliseconds(cell.p50 if cell else None)}, {score_text(row.quality)}"


def _lines(bubble: Bubble, frame: Frame) -> list[str]:
    figures = [f"{megabytes(bubble.size_bytes)}, {significant(bubble.x)} ms, {percent(bubble.y)}"] if frame.details else []
    return [bubble.title, *figures]


def _anchors(bubbles: list[Bubble], across: Scale, up: Scale, frame: Frame, largest: float) -> list[Anchor]:
    anchors = []
    for bubble in bubbles:
        title, *rest = _lines(bubble, frame)
        width = max(text_width(title, frame.font, bold=True), *(text_width(line, frame.font - 1) for line in rest), 0)
        height = frame.font * 1.3 * (1 + len(rest))
        anchors.append(Anchor(across(bubble.x), up(bubble.y), radius_of(bubble.size_bytes, largest, frame), width, height))
    return anchors


def _whisker_box(bubble: Bubble, across: Scale, up: Scale) -> Box:
    ends = bubble.rows[-1].quality.ci95 if bubble.rows[-1].quality else None
    low, high = ends or (bubble.y, bubble.y)
    return Box(across(bubble.x) - 1.5, up(high), 3, max(0.0, up(low) - up(high)))


def _axes(report: Report, across: Scale, up: Scale, frame: Frame, quality: str) -> Markup:
    bottom, right = frame.height - frame.bottom, frame.width - frame.right
    most = 8 if frame.details else 6
    parts = []
    for tick in across.ticks(most):
        x = across(tick)
        parts.append(element("line", class_="grid", x1=x, x2=x, y1=frame.top, y2=bottom))
        parts.append(element("text", f"{tick:g}", class_="tick", x=x, y=bottom + 18, text_anchor="middle"))
    ticks = up.ticks(most)
    digits = 0 if all(abs(100 * tick - round(100 * tick)) < 1e-6 for tick in ticks) else 1
    for tick in ticks:
        y = up(tick)
        parts.append(element("line", class_="grid", x1=frame.left, x2=right, y1=y, y2=y))
        parts.append(element("text", f"{100 * tick:.{digits}f}", class_="tick", x=frame.left - 8, y=y + 4, text_anchor="end"))
    key = main_cell(report)
    name = f"median latency, ms, {cell_title(report, key) if key else ''}{', logarithmic' if across.log else ''}"
    middle = (frame.left + right) / 2
    parts.append(element("text", name, class_="axis", x=middle, y=frame.height - 8, text_anchor="middle"))
    turned = f"rotate(-90 14 {number((frame.top + bottom) / 2)})"
    parts.append(
        element(
            "text", f"{quality}, %", class_="axis", x=14, y=(frame.top + bottom) / 2, text_anchor="middle", transform=turned
        )
    )
    return join(parts)


def _line_boxes(bubbles: list[Bubble], across: Scale, up: Scale, limits: list[BudgetLine]) -> list[Box]:
    """Return what labels should keep off: whiskers, the level parts of the Pareto line, the budget lines and their names."""
    boxes = [_whisker_box(bubble, across, up) for bubble in bubbles]
    front = pareto([(bubble.x, bubble.y) for bubble in bubbles])
    for (x, y), (following, _) in pairwise(front):
        boxes.append(Box(across(x), up(y) - 2, across(following) - across(x), 4))
    return [*boxes, *(box for limit in limits for box in (limit.line, limit.place))]


def _pareto(bubbles: list[Bubble], across: Scale, up: Scale) -> Markup:
    """Draw the staircase through the bubbles that no other beats in both latency and quality."""
    front = pareto([(bubble.x, bubble.y) for bubble in bubbles])
    if len(front) < 2:
        return Markup("")
    path = f"M{number(across(front[0][0]))} {number(up(front[0][1]))}"
    path += "".join(f"H{number(across(x))}V{number(up(y))}" for x, y in front[1:])
    return element("path", class_="pareto", d=path, fill="none")


def _whisker(bubble: Bubble, across: Scale, up: Scale) -> Markup:
    box = _whisker_box(bubble, across, up)
    if not box.height:
        return Markup("")
    x = across(bubble.x)
    ends = "".join(f"M{number(x - 4)} {number(y)}h8" for y in (box.top, box.bottom))
    return element("path", class_="whisker", d=f"M{number(x)} {number(box.top)}V{number(box.bottom)}{ends}")


def _circle(bubble: Bubble, across: Scale, up: Scale, frame: Frame, largest: float) -> Markup:
    kind = "control" if bubble.control else "chosen" if bubble.chosen else "stage"
    radius = radius_of(bubble.size_bytes, largest, frame)
    told = f"{bubble.title}: {megabytes(bubble.size_bytes)}, {milliseconds(bubble.x)}, {percent(bubble.y)}"
    return element("circle", element("title", told), class_=f"bubble {kind}", cx=across(bubble.x), cy=up(bubble.y), r=radius)


def _label(bubble: Bubble, spot: Placed, across: Scale, up: Scale, frame: Frame, radius: float) -> Markup:
    box = spot.box
    title, *rest = _lines(bubble, frame)
    middle = box.left + box.width / 2
    x, y = across(bubble.x), up(bubble.y)
    anchor, at = ("start", box.left) if box.left >= x else ("end", box.right) if box.right <= x else ("middle", middle)
    lines = [element("text", title, class_="name", x=at, y=box.top + frame.font, text_anchor=anchor)]
    for index, line in enumerate(rest, start=1):
        lines.append(
            element("text", line, class_="figures", x=at, y=box.top + frame.font * (1 + 1.25 * index), text_anchor=anchor)
        )
    if not spot.leader:
        return join(lines)
    near = (min(max(x, box.left), box.right), min(max(y, box.top), box.bottom))
    share = min(1.0, radius / max(1.0, math.hypot(near[0] - x, near[1] - y)))
    edge = (x + share * (near[0] - x), y + share * (near[1] - y))
    return join([element("line", class_="leader", x1=edge[0], y1=edge[1], x2=near[0], y2=near[1]), *lines])
