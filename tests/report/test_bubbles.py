from __future__ import annotations

import math
import re

import pytest

from compactor.report.bubble_chart import NARROW, WIDE, bubble_chart, described, size_key
from compactor.report.bubbles import pareto, radius_of, shown_rows
from compactor.report.html import page
from compactor.report.reading import parse_report
from compactor.report.scales import fitted


def test_every_stage_has_a_bubble_or_shares_one(record):
    report = parse_report(record)
    chart = bubble_chart(report, WIDE)
    named = " ".join(re.findall(r'class="name"[^>]*>([^<]+)<', chart))
    for row in report.rows:
        assert row.id in named
    assert "quantize = package" in named


def test_area_follows_size():
    radii = [radius_of(size, 100e6, WIDE) for size in (100e6, 25e6)]
    assert radii[0] / radii[1] == pytest.approx(2)


@pytest.mark.parametrize("frame", [WIDE, NARROW])
def test_the_rings_beside_a_chart_are_as_large_as_bubbles_of_their_size(record, frame):
    report = parse_report(record)
    largest = max(row.size_bytes or 0 for row in report.every)
    assert size_key(report, frame) == [(size, radius_of(size, largest, frame)) for size in (1_000_000, 10_000_000)]
    (key,) = re.findall(rf'<span class="key-item {frame.name}">area is size: (.*?) MB</span></span>', page(report))
    shares = [float(share) for share in re.findall(r"width: ([\d.]+)cqw", key)]
    assert shares == pytest.approx([100 * (2 * radius + 2) / frame.width for _, radius in size_key(report, frame)], abs=1e-3)


def test_controls_are_hollow_and_named(record):
    chart = bubble_chart(parse_report(record), WIDE)
    assert chart.count('class="bubble control"') == 2
    assert "same student, labels only" in chart


def test_rows_without_latency_are_listed_with_the_reason(record):
    shown, left = shown_rows(parse_report(record))
    assert [(row.id, why) for row, why in left] == [("linear", "its latency was not measured")]
    assert len(shown) == 8


def test_rows_of_another_evidence_are_not_drawn(record):
    record["rows"][1]["evidence"] = "estimated"
    _, left = shown_rows(parse_report(record))
    assert ("distill", "its latency is estimated, the chart shows proxy ones") in [(row.id, why) for row, why in left]


def test_nothing_measured_draws_nothing(bare):
    assert bubble_chart(parse_report(bare), WIDE) is None


def test_one_row_alone_draws(record):
    report = parse_report(record | {"rows": record["rows"][:1], "controls": [], "selected": "teacher"})
    assert bubble_chart(report, NARROW).count("<circle") == 1


def test_a_wide_range_is_drawn_on_a_logarithmic_axis(record):
    assert "logarithmic" not in bubble_chart(parse_report(record), WIDE)
    record["rows"][0]["latency_ms"][0] |= {"p50": 120.0, "ci95_p50": [118.0, 122.0]}
    assert "logarithmic" in bubble_chart(parse_report(record), WIDE)


def test_the_chart_is_told_in_words(record):
    told = described(parse_report(record))
    assert "package: 8.52 MB, 1.21 ms" in told
    assert "teacher, only quantized: 24.0 MB" in told


def test_pareto_keeps_what_no_other_beats():
    points = [(4.3, 0.93), (2.2, 0.925), (2.1, 0.923), (2.2, 0.912), (1.2, 0.921), (5.0, 0.93)]
    assert pareto(points) == [(1.2, 0.921), (2.1, 0.923), (2.2, 0.925), (4.3, 0.93)]


@pytest.mark.parametrize("values", [[1.0], [1.0, 1.0], [0.01, 300.0], [3.0, 4.5], [-2.0, 5.0]])
def test_scales_hold_their_values_and_have_round_ticks(values):
    scale = fitted(values, 50, 950, 20, log_allowed=True)
    assert all(69 < scale(value) < 931 for value in values)
    ticks = scale.ticks(8)
    assert 2 <= len(ticks) <= 10
    assert all(scale.low <= tick <= scale.high for tick in ticks)
    assert all(math.isclose(float(f"{tick:.3g}"), tick, abs_tol=1e-12) for tick in ticks)
