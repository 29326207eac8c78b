"""Rows whose times were computed: an interval with its badge everywhere, and in no ratio."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from compactor.report.bubbles import shown_rows
from compactor.report.csv_table import csv_table
from compactor.report.figures import chain_evidence, main_cell, times_faster
from compactor.report.html import page
from compactor.report.markdown import markdown
from compactor.report.reading import parse_report
from compactor.report.stage_table import row_values
from compactor.report.terminal import render


def computed(row: dict[str, Any]) -> None:
    empty = dict.fromkeys(("p50", "p90", "p99", "mean", "n", "ci95_p50", "cpu_ms"))
    row["latency_ms"] = [
        {"batch": 1, "length": 64, "threads": 4, **empty, "interval": [16.0, 99.0]},
        {"batch": 1, "length": "data", "threads": 4, **empty, "interval": [8.0, 31.0]},
    ]
    row["evidence"] = "estimated"
    row["noise"] = None


@pytest.fixture
def estimated(record: dict[str, Any]) -> dict[str, Any]:
    """Nothing could be timed on the target."""
    for row in [*record["rows"], *record["controls"]]:
        computed(row)
    return record


def test_the_interval_of_real_lengths_is_shown_with_its_badge(estimated: dict[str, Any]) -> None:
    report = parse_report(estimated)
    assert row_values(report, report.chosen)["p50"].text == "8.00 to 31.0"
    assert "estimated" in row_values(report, report.chosen)["p50"].below
    assert "8.00 to 31.0 (estimated)" in markdown(report)
    assert "8.00 to 31.0 ms*" in render(report)
    assert "*: estimated, not measured" in render(report)
    assert "badge estimated" in page(report)


def test_nothing_is_divided_and_nothing_is_drawn(estimated: dict[str, Any]) -> None:
    report = parse_report(estimated)
    assert main_cell(report) is None
    assert all(times_faster(row, report.teacher, None) is None for row in report.every)
    assert shown_rows(report)[0] == []
    assert row_values(report, report.rows[-1])["faster"].sort is None


def test_one_computed_row_among_measured_ones_stays_out_of_ratios_and_chart(record: dict[str, Any]) -> None:
    computed(record["rows"][-1])
    report = parse_report(record)
    odd = report.rows[-1]
    assert times_faster(odd, report.teacher, main_cell(report)) is None
    assert row_values(report, odd)["faster"].text == "not comparable"
    assert odd not in shown_rows(report)[0]
    assert chain_evidence(report) == report.teacher.evidence


def test_the_table_for_programs_has_both_ends_and_no_median(estimated: dict[str, Any]) -> None:
    lines = list(csv.DictReader(io.StringIO(csv_table(parse_report(estimated)))))
    real = next(line for line in lines if line["length"] == "data")
    assert (real["estimated_low_ms"], real["estimated_high_ms"], real["p50_ms"]) == ("8.0", "31.0", "")
