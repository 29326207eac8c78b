"""Percentiles that have enough runs behind them, and intervals that know of rounds and processes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Runs needed before a percentile may be stated with 99 % confidence: MLPerf's early stopping, inference_policies, "d = 0".
ENOUGH_RUNS = {50: 11, 90: 64, 95: 130, 99: 662}
EARLY_STOPPING_RISK = 0.01
DRAWS = 1000
MOST_VALUES = 2000  # that enter the bootstrap; longer series are thinned evenly within each round
CHUNK_VALUES = 4_000_000  # of the bootstrap at one time
# Fresh processes of one model differ by so much (memory layout), which two or three of them are too few to show.
PROCESS_SPREAD = 0.005


@dataclass(frozen=True)
class Rounds:
    """Times of one subject in one cell, as they were taken.

    Attributes:
        values: one array a round, milliseconds, in the order of the runs.
        processes: for each round the number of the process that made it (0, 1, 2); a fresh process has a fresh memory layout.
    """

    values: tuple[np.ndarray, ...]
    processes: tuple[int, ...]

    @property
    def all(self) -> np.ndarray:
        """All values in one array."""
        return np.concatenate(self.values) if self.values else np.empty(0)


def percentile(values: np.ndarray, percent: int) -> tuple[float | None, str]:
    """Return a percentile and an empty reason, or None and why it cannot be stated."""
    needed = ENOUGH_RUNS[percent]
    if len(values) < needed:
        return None, f"{len(values)} runs, a p{percent} needs {needed}"
    return float(np.percentile(values, percent)), ""


def early_stopping_estimate(values: np.ndarray, percent: int) -> tuple[float | None, str]:
    """Return the percentile as MLPerf states it, and an empty reason; or None and why it cannot be stated.

    With t runs above a bound, the bound holds for the percentile with 99 % confidence when a binomial of n runs, each above with
    1 - p, gives t or fewer with at most 1 %. The largest such t is taken, its t - 1 highest runs are dropped, and the next is the
    answer: an upper bound of the percentile, close to it with many runs. mlcommons/inference_policies, "early stopping", tolerance 0.
    """
    count, above = len(values), 1.0 - percent / 100
    if count < ENOUGH_RUNS[percent]:
        return None, f"{count} runs, a p{percent} needs {ENOUGH_RUNS[percent]}"
    total, dropped = 0.0, -1
    logarithm = count * math.log1p(-above)  # of the probability of no run above
    while total + math.exp(logarithm) <= EARLY_STOPPING_RISK:
        total += math.exp(logarithm)
        dropped += 1
        logarithm += math.log(count - dropped) - math.log(dropped + 1) + math.log(above) - math.log1p(-above)
    return float(np.sort(values)[count - max(dropped, 1)]), ""


def median_interval(rounds: Rounds, *, seed: int = 0, draws: int = DRAWS) -> tuple[float, float]:
    """Return the 95 % interval of the median of all runs, in milliseconds.

    The wider of two: a two-level bootstrap over processes and blocks of neighbouring rounds, and the sign interval of the rounds'
    medians, which holds for few rounds, where a bootstrap is too narrow. Rounds stay whole: the runs inside one are not
    independent, and each holds the same inputs.
    """
    shortest = min(min(len(values) for values in rounds.values), max(1, MOST_VALUES // len(rounds.values)))
    table = np.stack([values[np.linspace(0, len(values) - 1, shortest).astype(int)] for values in rounds.values])
    low, high = _ends(_resampled_medians(table, rounds.processes, seed, draws))
    sign_low, sign_high = sign_interval(np.array([np.median(values) for values in rounds.values]))
    median = float(np.median(rounds.all))
    return min(low, sign_low, median), max(high, sign_high, median)


def ratio_interval(first: Rounds, second: Rounds, *, seed: int = 0, draws: int = DRAWS) -> tuple[float, tuple[float, float]]:
    """Return how many times longer `first` takes than `second`, with the 95 % interval.

    The two were interleaved, so round i of one and round i of the other met the same conditions: what counts is the median of
    the ratios within rounds. Drift that moves both cancels. The interval is found as that of a median, from the ratios, and
    is never narrower than what fresh processes of one model differ by.

    Raises:
        ValueError: the two were not taken in the same rounds.
    """
    if first.processes != second.processes:
        raise ValueError("the two series were not interleaved: they have other rounds")
    ratios = np.array([np.median(a) / np.median(b) for a, b in zip(first.values, second.values, strict=True)])
    logarithms = Rounds(tuple(np.log(ratios)[:, None]), first.processes)
    low, high = median_interval(logarithms, seed=seed, draws=draws)
    middle = math.log(float(np.median(ratios)))
    ends = min(low, middle - PROCESS_SPREAD), max(high, middle + PROCESS_SPREAD)
    return math.exp(middle), (math.exp(ends[0]), math.exp(ends[1]))


def sign_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the interval between two order statistics that holds the median with at least 95 %, whatever the distribution.

    Fewer than six values cannot give 95 %; their range is returned. Conover, Practical Nonparametric Statistics, 3.2.
    """
    ordered, count = np.sort(values), len(values)
    if count > 1000:
        rank = int(count / 2 - 0.98 * math.sqrt(count))  # the normal approximation of the binomial
        return float(ordered[rank]), float(ordered[count - 1 - rank])
    left, below = 0.0, -1
    while left + (weight := math.comb(count, below + 1) / 2**count) <= 0.025:
        left += weight
        below += 1
    below = max(below, 0)
    return float(ordered[below]), float(ordered[count - 1 - below])


def _resampled_medians(table: np.ndarray, processes: Sequence[int], seed: int, draws: int) -> np.ndarray:
    """Return `draws` medians of resampled rounds.

    Args:
        table: (rounds, values of a round).
        processes: the process of each round.
        seed: of the draws.
        draws: how many.
    """
    random = np.random.default_rng(seed)
    groups = [np.flatnonzero(np.asarray(processes) == process) for process in dict.fromkeys(processes)]
    most = max(len(group) for group in groups)
    step = max(1, CHUNK_VALUES // (len(groups) * most * table.shape[1]))
    found = []
    for begin in range(0, draws, step):
        count = min(step, draws - begin)
        chosen = np.stack([_draw_rounds(groups, most, count, random) for _ in groups], axis=1)
        found.append(np.median(table[chosen.reshape(count, -1)].reshape(count, -1), axis=1))
    return np.concatenate(found)


def _draw_rounds(groups: list[np.ndarray], most: int, count: int, random: np.random.Generator) -> np.ndarray:
    """Draw a process, then blocks of its neighbouring rounds (circular), `count` times: indices (count, most)."""
    picked = random.integers(len(groups), size=count)
    rows = np.empty((count, most), dtype=np.int64)
    for number, group in enumerate(groups):
        which = np.flatnonzero(picked == number)
        block = max(1, round(len(group) ** (1 / 3)))
        starts = random.integers(len(group), size=(len(which), -(-most // block)))
        positions = (starts[:, :, None] + np.arange(block)).reshape(len(which), -1)[:, :most]
        rows[which] = group[positions % len(group)]
    return rows


def _ends(medians: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(medians, [2.5, 97.5])
    return float(low), float(high)
