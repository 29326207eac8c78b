"""A cascade's row tells who answers how much, and the mean and the tail of the mix."""

from __future__ import annotations

from compactor.report.html import page
from compactor.report.markdown import markdown
from compactor.report.reading import parse_report

MIX = {
    "cascade": {"mean_ms": 0.5, "ci95_mean": [0.45, 0.55], "p50": 0.02, "p99": 4.4, "cpu_ms": 0.5, "n": 2000, "texts": 1000},
    "whole": {"mean_ms": 4.0, "ci95_mean": [3.9, 4.1], "p50": 4.0, "p99": 4.5, "cpu_ms": 4.0, "n": 2000, "texts": 1000},
}
TOLD = {
    "test": {"coverage": 0.9, "shares": [0.9, 0.1]},
    "validation": {"coverage": 0.91, "shares": [0.91, 0.09]},
    "mix": MIX,
}


def test_coverage_and_times_of_the_mix_are_a_line_of_the_report(record):
    row = record["rows"][-1]
    row.update(stage="cascade", cascade=TOLD, facts={"cascade": {"confidence": 0.842}})
    expected = "| 90.0 % | 91.0 % | 90.0 %, 10.0 % | 0.842 | 0.500 [0.450, 0.550] | 4.40 | 4.00 [3.90, 4.10] | 4.50 | 8.0x |"
    assert expected in markdown(parse_report(record))
    assert "Cascades" in page(parse_report(record))
    row["facts"] = {"cascade": {"confidence": 0.9997}}
    assert "| 0.9997 |" in markdown(parse_report(record))
    row["facts"] = {"cascade": {"confidence": 0.842}}
    row["cascade"] = {**TOLD, "mix": {}}
    assert "| 0.842 | not measured | not measured | not measured | not measured | not measured |" in markdown(
        parse_report(record)
    )


def test_a_run_without_a_cascade_has_no_such_table(record):
    assert "Cascades" not in markdown(parse_report(record))
    assert "Cascades" not in page(parse_report(record))
