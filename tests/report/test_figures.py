from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from compactor.report.figures import (
    Estimate,
    cell_keys,
    chain_evidence,
    difference,
    main_cell,
    quality_gain,
    ratio,
    times_faster,
    times_smaller,
)
from compactor.report.reading import parse_report
from compactor.report.rows import Cell, Score


def cell(p50: float, ends: tuple[float, float] | None) -> Cell:
    return Cell(1, "data", 1, p50, None, None, None, None, ends, None)


def score(value: float, half: float) -> Score:
    return Score("accuracy", value, 100, (value - half, value + half), "test", {}, None, {})


def test_ratio_interval_agrees_with_a_simulation():
    random = np.random.default_rng(0)
    first, second = (np.exp(random.normal(np.log(p50), 0.01, 200_000)) for p50 in (4.0, 1.0))
    low, high = np.percentile(first / second, [2.5, 97.5])
    half = math.exp(1.96 * 0.01)
    found = ratio(cell(4.0, (4.0 / half, 4.0 * half)), cell(1.0, (1.0 / half, half)))
    assert found.value == pytest.approx(4.0)
    assert found.ci95 == pytest.approx((low, high), rel=2e-3)


def test_difference_interval_of_symmetric_scores_adds_in_squares():
    found = difference(score(0.92, 0.03), score(0.90, 0.04))
    assert found.value == pytest.approx(0.02)
    assert found.ci95 == pytest.approx((0.02 - 0.05, 0.02 + 0.05))


def test_a_ratio_without_an_interval_has_none():
    assert ratio(cell(4.0, None), cell(2.0, (1.9, 2.1))) == Estimate(2.0)
    assert ratio(cell(0.0, None), cell(2.0, None)) is None


@pytest.mark.parametrize("evidence", ["measured", "estimated", None])
def test_ratios_never_mix_evidences(record, evidence):
    report = parse_report(record)
    key = main_cell(report)
    assert times_faster(report.chosen, report.teacher, key) is not None
    assert times_faster(replace(report.chosen, evidence=evidence), report.teacher, key) is None


def test_a_row_without_any_evidence_has_no_ratio_even_to_its_like(record):
    report = parse_report(record)
    chosen, teacher = (replace(row, evidence=None) for row in (report.chosen, report.teacher))
    assert times_faster(chosen, teacher, main_cell(report)) is None


def test_quality_of_different_splits_is_not_subtracted(record):
    record["rows"][-1]["quality"]["split"] = "validation"
    report = parse_report(record)
    assert quality_gain(report.chosen, report.teacher) is None


def test_a_paired_difference_in_the_record_is_preferred(record):
    record["rows"][-1]["quality"]["against"] = {"teacher": {"difference": -0.0075, "ci95": [-0.011, -0.004]}}
    report = parse_report(record)
    assert quality_gain(report.chosen, report.teacher) == Estimate(-0.0075, (-0.011, -0.004))


def test_the_main_cell_is_batch_one_at_real_lengths(record):
    assert main_cell(parse_report(record)) == (1, "data", 1)


def test_without_real_lengths_the_smallest_cell_stands(record):
    for row in record["rows"] + record["controls"]:
        row["latency_ms"] = [entry for entry in row["latency_ms"] if entry["length"] != "data"]
    report = parse_report(record)
    assert main_cell(report) == (1, "16", 1)
    assert cell_keys(report.rows)[0] == (1, "16", 1)


def test_nothing_measured_has_no_main_cell(bare):
    report = parse_report(bare)
    assert main_cell(report) is None
    assert chain_evidence(report) is None
    assert times_smaller(report.chosen, report.teacher) is None
