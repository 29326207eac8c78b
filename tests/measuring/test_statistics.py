"""Percentiles with enough runs, and intervals that cover the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.measuring.statistics import Rounds, median_interval, percentile, ratio_interval, sign_interval


def rounds_of(table: np.ndarray, processes: int = 1) -> Rounds:
    """Rows are rounds, split evenly over the processes."""
    return Rounds(tuple(table), tuple(np.repeat(np.arange(processes), len(table) // processes).tolist()))


@pytest.mark.parametrize(("percent", "needed"), [(50, 11), (90, 64), (99, 662)])
def test_a_percentile_is_stated_only_with_enough_runs(percent: int, needed: int) -> None:
    values = np.arange(needed, dtype=float)
    stated, reason = percentile(values, percent)
    assert stated == pytest.approx(np.percentile(values, percent))
    assert reason == ""
    missing, reason = percentile(values[:-1], percent)
    assert missing is None
    assert str(needed) in reason


def test_needed_runs_are_those_of_the_binomial_rule() -> None:
    # With n runs, the largest one bounds the percentile p with confidence 1 - p^n; 99 % is asked for. A median is a run more exact
    # (two-sided), which is MLPerf's 11 for p50; p90 and p99 follow from the early-stopping table.
    from compactor.measuring.statistics import ENOUGH_RUNS

    for percent, runs in ENOUGH_RUNS.items():
        assert 1 - (percent / 100) ** runs >= 0.99


@pytest.mark.parametrize(("count", "rank"), [(5, 1), (6, 1), (9, 2), (20, 6), (100, 40)])
def test_the_sign_interval_has_the_ranks_of_the_table(count: int, rank: int) -> None:
    # Ranks of the 95 % interval of a median, as printed in tables of nonparametric statistics; five values reach 94 % only.
    assert sign_interval(np.arange(1.0, count + 1)) == (rank, count + 1 - rank)


@pytest.mark.parametrize("processes", [1, 3])
def test_the_interval_of_the_median_covers_the_truth(processes: int) -> None:
    random = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        # Skewed like latencies: the median of exp(normal) is 1.
        table = np.exp(0.1 * random.standard_normal((12, 5)))
        low, high = median_interval(rounds_of(table, processes), seed=trial, draws=300)
        covered += low <= 1 <= high
    assert covered >= 0.94 * 200


def test_drift_between_rounds_widens_the_interval() -> None:
    random = np.random.default_rng(0)
    quiet = 1 + 0.01 * random.standard_normal((20, 20))
    drifting = quiet + np.repeat(np.linspace(0, 0.3, 20), 20).reshape(20, 20)
    widths = [high - low for low, high in (median_interval(rounds_of(table)) for table in (quiet, drifting))]
    assert widths[1] > 5 * widths[0]


def test_the_interval_of_a_ratio_covers_the_truth_and_survives_drift() -> None:
    random = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        drift = np.exp(np.cumsum(0.05 * random.standard_normal((24, 1)), axis=0))  # both slow down together
        slow = 2.0 * drift * np.exp(0.05 * random.standard_normal((24, 3)))
        fast = drift * np.exp(0.05 * random.standard_normal((24, 3)))
        ratio, (low, high) = ratio_interval(rounds_of(slow, 3), rounds_of(fast, 3), seed=trial, draws=300)
        assert ratio == pytest.approx(2.0, rel=0.1)
        covered += low <= 2.0 <= high
    assert covered >= 0.94 * 200


def test_the_ratio_of_a_series_to_itself_is_one() -> None:
    rounds = rounds_of(np.random.default_rng(0).random((9, 4)) + 1, 3)
    ratio, (low, high) = ratio_interval(rounds, rounds)
    assert ratio == 1.0
    assert low <= 1.0 <= high


def test_the_ratio_turns_over_with_its_sides() -> None:
    random = np.random.default_rng(0)
    first, second = rounds_of(random.random((9, 4)) + 3), rounds_of(random.random((9, 4)) + 1)
    there, (low, high) = ratio_interval(first, second)
    back, (back_low, back_high) = ratio_interval(second, first)
    assert there * back == pytest.approx(1.0)
    assert (low * back_high, high * back_low) == pytest.approx((1.0, 1.0))


def test_a_difference_smaller_than_that_of_fresh_processes_is_not_claimed() -> None:
    first = rounds_of(np.full((30, 4), 1.002), 3)
    _, (low, high) = ratio_interval(first, rounds_of(np.ones((30, 4)), 3))
    assert low < 1 < high
    _, (low, _) = ratio_interval(rounds_of(np.full((30, 4), 1.02), 3), rounds_of(np.ones((30, 4)), 3))
    assert low > 1


def test_series_of_other_rounds_are_not_compared() -> None:
    with pytest.raises(ValueError, match="interleaved"):
        ratio_interval(rounds_of(np.ones((4, 2))), rounds_of(np.ones((6, 2))))


def test_the_same_seed_gives_the_same_interval() -> None:
    rounds = rounds_of(np.random.default_rng(0).random((9, 4)), 3)
    assert median_interval(rounds, seed=5) == median_interval(rounds, seed=5)
