"""Several workers at one time count only while all of them work; energy and cost follow from what was counted."""

from __future__ import annotations

import pytest

from compactor.measuring.cost import cost_per_million, cost_record
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.throughput import energy_of, summarise_flood, worker_counts

SECOND = 1_000_000_000


def answer(begun: float, every: float, count: int, **more: object) -> dict:
    ended = [int((begun + every * (number + 1)) * SECOND) for number in range(count)]
    return {"begun_ns": int(begun * SECOND), "ended_ns": ended, "cpu_ns": int(every * count * SECOND), **more}


def test_numbers_of_workers() -> None:
    assert worker_counts(1) == [1]
    assert worker_counts(3) == [1, 2, 3]
    assert worker_counts(12) == [1, 2, 3, 4, 8, 12]
    assert worker_counts(16) == [1, 2, 3, 4, 8, 16]


def test_only_the_time_in_which_all_work_counts() -> None:
    # The first alone for 1 s, both for 9 s, the second alone for 1 s; each answers ten a second.
    row = summarise_flood([answer(0, 0.1, 100), answer(1, 0.1, 100)], batch=8)
    assert row["workers"] == 2
    assert row["texts_per_s"] == pytest.approx(2 * 10 * 8, rel=0.02)
    assert row["cpu_ms"] == pytest.approx(100 / 8)
    assert row["energy"] is None


def test_a_machine_without_cpu_clock_still_counts() -> None:
    assert summarise_flood([answer(0, 0.1, 100, cpu_ns=None)], batch=1)["cpu_ms"] is None


def test_energy_is_that_of_the_counters_or_not_measured() -> None:
    told = energy_of({"package_mj": 300.0, "gpu_mj": 700}, texts=100)
    assert told["mj_per_text"] == pytest.approx(10)
    assert "RAPL" in told["source"]
    assert "NVML" in told["source"]
    assert energy_of({}, texts=100)["mj_per_text"] is None
    assert "no energy counter" in energy_of({"package_mj": None}, texts=100)["reason"]


def test_cost_of_a_million_answers() -> None:
    # 3.6 an hour are 0.001 a second; at 1,000 a second a million takes 1,000 seconds.
    assert cost_per_million(3.6, 1000) == pytest.approx(1.0)
    assert cost_per_million(3.6, 500) == pytest.approx(2.0)
    with pytest.raises(ValueError, match="positive"):
        cost_per_million(1.0, 0)


def test_cost_needs_a_price_and_a_measurement_on_the_target() -> None:
    target = ThisMachine(name="cloud", price_per_hour=3.6, currency="EUR")
    record, reason = cost_record(target, "measured", 1000.0)
    assert record == {"value": pytest.approx(1.0), "currency": "EUR", "price_per_hour": 3.6, "texts_per_s": 1000.0}
    assert reason == ""
    for evidence, rate in (("proxy", 1000.0), (None, 1000.0), ("measured", None)):
        record, reason = cost_record(target, evidence, rate)
        assert record is None
        assert reason
    assert "price_per_hour" in cost_record(ThisMachine(), "measured", 1.0)[1]
