"""Further targets: three badges side by side, nothing emulated has a time, and nothing is divided by anything."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from compactor.report.further_targets import further_rows
from compactor.report.html import page
from compactor.report.markdown import markdown
from compactor.report.reading import parse_report
from compactor.report.terminal import render

ANSWERS = {
    "compared": 40,
    "given": 64,
    "smallest_cosine": 0.99987,
    "same_label": 1.0,
    "passed": True,
    "metric": {"name": "accuracy", "here": 0.91, "there": 0.92, "n": 40},
}
CELL = {"batch": 1, "length": "data", "threads": 1, "p50": 12.0, "p90": 14.0, "p99": None}


def entry(target: str, via: str, evidence: str | None, **more: Any) -> dict[str, Any]:
    nothing = {"latency_ms": None, "load_ms": None, "peak_memory_bytes": None, "answers": None, "reason": "", "row": "package"}
    return {"target": target, "via": via, "evidence": evidence, **nothing, **more}


@pytest.fixture
def report(record: dict[str, Any]) -> dict[str, Any]:
    also = [
        entry("host", "local", "measured", latency_ms=[{**CELL, "p50": 3.0}], peak_memory_bytes=90_000_000),
        entry("laptop-cpu", "ssh:pi@board", "proxy", latency_ms=[CELL], answers=ANSWERS, reason="pi@board is no laptop"),
        entry("arm-edge", "emulated", "emulated", answers={**ANSWERS, "metric": None}),
        entry("arm-a72", "ssh:old@board", None, reason="old@board cannot be reached"),
    ]
    return {**copy.deepcopy(record), "also": also}


def test_every_badge_is_shown_with_its_way(report: dict[str, Any]) -> None:
    rows = further_rows(parse_report(report))
    assert [row.evidence for row in rows] == ["measured", "proxy", "emulated", None]
    for text in (page(parse_report(report)), markdown(parse_report(report)), render(report)):
        for word in ("measured", "proxy", "emulated", "ssh:pi@board", "not measured"):
            assert word in text


def test_an_emulated_row_has_no_time_and_no_memory(report: dict[str, Any]) -> None:
    row = further_rows(parse_report(report))[2]
    assert row.fields[5:7] == ("not measured", "not measured")
    assert row.fields[8:] == ("not measured", "not measured")
    assert "same answers (40 inputs" in row.fields[4]


def test_no_ratio_is_formed_between_places(report: dict[str, Any], record: dict[str, Any]) -> None:
    # 12 ms there over 3 ms here would be 4x: with and without further targets, the same ratios are shown.
    shown = markdown(parse_report(report)).replace("\n\n" + _further_part(markdown(parse_report(report))), "")
    assert shown == markdown(parse_report(record))
    assert "4.0\u00d7" not in _further_part(markdown(parse_report(report)))


def _further_part(text: str) -> str:
    begin = text.index("## Further targets")
    end = text.find("\n\n## ", begin + 1)
    return text[begin:end]


def test_the_metric_of_both_places_is_told(report: dict[str, Any]) -> None:
    assert "accuracy 92.0" in further_rows(parse_report(report))[1].fields[4]


def test_answers_that_differ_are_loud(report: dict[str, Any]) -> None:
    report["also"][2]["answers"]["passed"] = False
    assert "OTHER ANSWERS" in render(report)


def test_a_report_without_further_targets_has_no_such_section(record: dict[str, Any]) -> None:
    for text in (page(parse_report(record)), markdown(parse_report(record)), render(record)):
        assert "urther targets" not in text
