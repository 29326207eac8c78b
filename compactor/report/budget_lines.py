"""The budget's lines in the chart of the trade-off, each with its name where no bubble lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compactor.report.bubbles import Frame, quality_limit
from compactor.report.labels import Anchor, Box, text_width
from compactor.report.markup import Markup, element, join
from compactor.report.rows import Report
from compactor.report.scales import Scale
from compactor.report.words import percent

AWAY = 5.0  # pixels between a line and its name
THICK = 4.0  # of a line, as something that labels keep off
ALONG = (1.0, 0.0, 0.75, 0.5, 0.25)  # places along a line, of which its ends come first


@dataclass(frozen=True)
class BudgetLine:
    """One limit: its line as a thin box, its name, and the box of the name."""

    line: Box
    name: str
    place: Box


def budget_lines(report: Report, across: Scale, up: Scale, frame: Frame, bubbles: Sequence[Anchor]) -> list[BudgetLine]:
    """Return the limits that lie inside the chart, the name of each where it covers the least of bubbles and of other limits."""
    right, bottom = frame.width - frame.right, frame.height - frame.bottom
    found: list[BudgetLine] = []
    floor, limit = quality_limit(report), report.limits.get("latency_ms")
    if floor is not None and up.low <= floor <= up.high:
        line = Box(frame.left, up(floor) - THICK / 2, right - frame.left, THICK)
        found.append(_named(line, f"budget {percent(floor)}", frame, bubbles, found))
    if limit and across.low <= limit <= across.high:
        line = Box(across(limit) - THICK / 2, frame.top, THICK, bottom - frame.top)
        found.append(_named(line, f"budget {limit:g} ms", frame, bubbles, found))
    return found


def drawn(lines: Sequence[BudgetLine]) -> Markup:
    """Return lines and names as SVG."""
    return join([(_stroke(each.line), _name(each)) for each in lines])


def _named(line: Box, name: str, frame: Frame, bubbles: Sequence[Anchor], others: Sequence[BudgetLine]) -> BudgetLine:
    inner = Box(frame.left, frame.top, frame.width - frame.left - frame.right, frame.height - frame.top - frame.bottom)
    width, height = text_width(name, frame.font), frame.font * 1.3

    def cost(place: Box) -> float:
        lines = sum(place.overlap(other.line) + place.overlap(other.place) for other in others)
        return round(place.outside(inner) + lines + height * sum(bubble.covered(place) for bubble in bubbles), 3)

    return BudgetLine(line, name, min(_places(line, width, height), key=cost))


def _places(line: Box, width: float, height: float) -> list[Box]:
    """Return where a line's name may stand, the best first: above or left of it, at its right or lower end, then elsewhere."""
    if line.width > line.height:
        starts = [line.left + AWAY + share * (line.width - width - 2 * AWAY) for share in ALONG]
        return [Box(start, top, width, height) for top in (line.top - height, line.bottom) for start in starts]
    tops = [line.top + share * (line.height - height) for share in ALONG]
    return [Box(left, top, width, height) for left in (line.left - AWAY - width, line.right + AWAY) for top in tops]


def _stroke(line: Box) -> Markup:
    level, x, y = line.width > line.height, line.left + line.width / 2, line.top + line.height / 2
    ends = (line.left, line.right, y, y) if level else (x, x, line.top, line.bottom)
    return element("line", class_="limit", x1=ends[0], x2=ends[1], y1=ends[2], y2=ends[3])


def _name(each: BudgetLine) -> Markup:
    line, place = each.line, each.place
    edge = line.left + line.width / 2
    ended = place.left + place.width / 2 > edge if line.width > line.height else place.right <= edge
    x, anchor = (place.right, "end") if ended else (place.left, "start")
    return element("text", each.name, class_="limit-name", x=x, y=place.bottom - place.height / 4, text_anchor=anchor)
