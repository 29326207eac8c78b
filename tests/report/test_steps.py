from __future__ import annotations

import pytest

from compactor.report.reading import parse_report
from compactor.report.steps import steps, waterfalls


def test_the_steps_multiply_to_the_whole(record):
    report = parse_report(record)
    told = steps(report)
    whole = 1.0
    for step in told:
        whole *= step.smaller
    assert whole == pytest.approx(report.teacher.size_bytes / report.chosen.size_bytes)
    assert sum(step.gain.value for step in told) == pytest.approx(report.chosen.quality.value - report.teacher.quality.value)
    assert sum(step.time_change for step in told) == pytest.approx(report.chosen.cells[0].p50 - report.teacher.cells[0].p50)


def test_times_of_two_evidences_are_not_subtracted(record):
    record["rows"][2]["evidence"] = "estimated"
    told = {step.row.id: step for step in steps(parse_report(record))}
    assert told["prune"].faster is told["prune"].time_change is None
    assert told["export"].faster is None
    assert told["quantize"].faster is not None


def test_three_panels_with_words(record):
    size, time, quality = waterfalls(parse_report(record))
    assert "3.8\u00d7 smaller" in size
    assert "no clear change" in time
    assert "\u22120.4 points" in quality


def test_small_changes_are_told_and_what_subtraction_left_behind_is_none(record):
    for row, median in zip(record["rows"], (0.3, 0.1 + 0.2, 0.29958), strict=False):
        row["latency_ms"][0] |= {"p50": median, "ci95_p50": None}
        row["evidence"] = "measured"
    _, time, _ = waterfalls(parse_report(record))
    assert "0.0 ms" in time
    assert "\u22120.000420 ms" in time


def test_nothing_measured_draws_tracks_only(bare):
    for panel in waterfalls(parse_report(bare)):
        assert "not measured" in panel
        assert 'class="bar' not in panel
