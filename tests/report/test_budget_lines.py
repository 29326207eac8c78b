from __future__ import annotations

import re

import pytest

from compactor.report.bubble_chart import NARROW, WIDE, bubble_chart
from compactor.report.bubbles import Frame
from compactor.report.labels import Anchor, Box
from compactor.report.reading import parse_report

LETTER = 6.5


def names(chart: str, frame: Frame) -> list[Box]:
    """Return where the names of the limits are written."""
    pattern = r'class="limit-name" x="([\d.]+)" y="([\d.]+)" text-anchor="(\w+)">([^<]+)<'
    return [
        Box(float(x) - (LETTER * len(told) if anchor == "end" else 0), float(y) - frame.font, LETTER * len(told), frame.font)
        for x, y, anchor, told in re.findall(pattern, chart)
    ]


def circles(chart: str) -> list[Anchor]:
    found = re.findall(r'class="bubble \w+" cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)"', chart)
    return [Anchor(float(x), float(y), float(radius), 0, 0) for x, y, radius in found]


@pytest.mark.parametrize("frame", [WIDE, NARROW])
@pytest.mark.parametrize("drop", [0.0, 0.002, 0.01, 0.015])
def test_names_of_limits_lie_under_no_bubble(record, frame, drop):
    """The teacher is the slowest row, hence at the right end, and the quality limit lies a little below it."""
    report = parse_report(
        record | {"budget": {"limits": {"accuracy_drop": drop, "latency_ms": 3.7}, "met": True, "missed": []}}
    )
    chart = bubble_chart(report, frame)
    assert chart is not None
    first, second = names(chart, frame)
    assert first.overlap(second) == 0
    assert [bubble.covered(name) for bubble in circles(chart) for name in (first, second)].count(0.0) == 2 * len(circles(chart))


def test_names_stand_at_the_ends_where_these_are_free(record):
    record["rows"], record["controls"], record["selected"] = record["rows"][-1:], [], "package"
    record["budget"] = {"limits": {"accuracy_drop": 0.01, "latency_ms": 1.3}, "met": True, "missed": []}
    chart = bubble_chart(parse_report(record), WIDE)
    assert chart is not None
    quality, latency = names(chart, WIDE)
    assert quality.right == pytest.approx(WIDE.width - WIDE.right - 5)
    assert latency.top < WIDE.top + 5, "the quality limit's line lies at the foot"
