"""The budget decides pass or fail, and never passes what was not measured."""

from __future__ import annotations

import pytest

from compactor.pipeline.budget import Budget, judge


def row(value=0.9, p50=4.0, size=8_000_000):
    cells = [] if p50 is None else [{"batch": 1, "length": 16, "p50": 99.0}, {"batch": 1, "length": "data", "p50": p50}]
    return {"quality": {"value": value}, "latency_ms": cells, "size_bytes": size}


TEACHER = row(0.91, 20.0, 90_000_000)


def test_all_limits_kept():
    verdict = judge(Budget(accuracy_drop=0.01, latency_ms=5, size_mb=10), row(), TEACHER)
    assert verdict["met"]
    assert verdict["missed"] == []
    assert verdict["limits"] == {"accuracy_drop": 0.01, "latency_ms": 5.0, "size_mb": 10.0}


@pytest.mark.parametrize(
    ("given", "limit"),
    [(row(value=0.899), "accuracy_drop"), (row(p50=5.1), "latency_ms"), (row(size=10_000_001), "size_mb")],
)
def test_one_limit_missed(given, limit):
    verdict = judge(Budget(accuracy_drop=0.01, latency_ms=5, size_mb=10), given, TEACHER)
    assert not verdict["met"]
    assert [entry["limit"] for entry in verdict["missed"]] == [limit]


def test_a_drop_of_exactly_the_limit_is_kept():
    assert judge(Budget(accuracy_drop=0.01), row(0.90), TEACHER)["met"]


def test_what_was_not_measured_is_not_met():
    verdict = judge(Budget(latency_ms=5), row(p50=None), TEACHER)
    assert not verdict["met"]
    assert verdict["missed"][0]["value"] is None
    assert "not measured" in verdict["missed"][0]["sentence"]


def test_no_limits_is_met():
    assert judge(Budget(), row(p50=None), TEACHER)["met"]
