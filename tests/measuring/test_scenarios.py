"""MLPerf's figures, against its own definition of early stopping."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.measuring.cells import Cell, grid
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.scenarios import scenarios_of
from compactor.measuring.statistics import ENOUGH_RUNS, early_stopping_estimate


@pytest.mark.parametrize("percent", [50, 90, 99])
@pytest.mark.parametrize("count", [11, 64, 100, 662, 5000])
def test_early_stopping_is_the_binomial_bound(percent: int, count: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(count).permutation(np.arange(count, dtype=float))
    found, reason = early_stopping_estimate(values, percent)
    if count < ENOUGH_RUNS[percent]:
        assert found is None
        assert str(ENOUGH_RUNS[percent]) in reason
        return
    above = 1 - percent / 100
    allowed = [t for t in range(count) if stats.binom.cdf(t, count, above) <= 0.01]
    assert max(allowed) >= 1, "the fewest runs are those with one above"
    assert found == count - max(allowed)
    assert found >= np.percentile(values, percent)


def test_the_estimate_covers_the_true_percentile() -> None:
    random = np.random.default_rng(0)
    true = -np.log(0.1)  # p90 of an exponential
    held = sum((early_stopping_estimate(random.exponential(size=200), 90)[0] or 0) >= true for _ in range(500))
    assert held >= 0.97 * 500


def test_scenarios_take_their_cells() -> None:
    target = ThisMachine(batches=(1, 8, 16), lengths=(16, 64))
    assert {cell.batch for cell in grid(target, "single-stream", quick=False, with_samples=False)} == {1}
    assert {cell.batch for cell in grid(target, "multi-stream", quick=False, with_samples=True)} == {8}
    assert {cell.batch for cell in grid(target, "offline", quick=False, with_samples=True)} == {8, 16, 32}
    assert grid(target, "offline", quick=True, with_samples=False) == [Cell(32, 64)]
    assert grid(target, "changing-lengths", quick=False, with_samples=True) == [Cell(1, "data")]
    assert len(grid(target, None, quick=False, with_samples=True)) == 7
    assert grid(target, None, quick=True, with_samples=False) == [Cell(1, 64)]


def test_figures_of_all_scenarios() -> None:
    random = np.random.default_rng(0)
    times = {
        Cell(1, 16): random.normal(1.0, 0.01, 700),
        Cell(1, "data"): random.normal(2.0, 0.2, 700),
        Cell(8, 16): random.normal(4.0, 0.1, 700),
        Cell(1, "text"): random.normal(9.0, 0.1, 700),
    }
    workers = [{"workers": 2, "texts_per_s": 3500.0, "batch": 8, "length": 16}]
    found = scenarios_of(times, workers, 123)
    assert found["single_stream"]["length"] == "data"
    assert found["single_stream"]["p90_ms"] == pytest.approx(np.percentile(times[Cell(1, "data")], 90), rel=0.05)
    assert found["multi_stream"]["p99_ms"] >= np.percentile(times[Cell(8, 16)], 99)
    assert found["offline"] == workers[0]
    assert found["changing_lengths"]["memory_bytes"] == 123
    alone = scenarios_of(times, [], None)["offline"]
    assert alone["texts_per_s"] == pytest.approx(2000, rel=0.01)
    assert alone["workers"] == 1


def test_a_figure_without_enough_runs_says_so() -> None:
    found = scenarios_of({Cell(8, 16): np.ones(100)}, [], None)
    assert found["multi_stream"]["p99_ms"] is None
    assert "662" in found["multi_stream"]["reason"]
    assert "single_stream" not in found
