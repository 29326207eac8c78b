"""Bootstrap of figures that depend on sums over rows (F1 of label sets or spans): rows matter only through their counts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

RESAMPLES = 2000
BLOCK_CELLS = 4_000_000  # numbers drawn at once


def resampled_sums(counts: np.ndarray, *, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """Return the sums of each column over the rows of every resample, float64 (resamples, columns).

    Drawing n rows with replacement is one multinomial draw over the different rows of `counts`, which are few.

    Args:
        counts: int (n, columns), what one row adds to each sum.
        seed: for the draws.
        resamples: how many.
    """
    kinds, often = np.unique(counts, axis=0, return_counts=True)
    rng = np.random.default_rng(seed)
    shares, block = often / often.sum(), max(1, BLOCK_CELLS // len(kinds))
    parts = [
        rng.multinomial(len(counts), shares, size=min(block, resamples - start)) @ kinds.astype(np.float64)
        for start in range(0, resamples, block)
    ]
    return np.concatenate(parts)


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % percentile interval of resampled values (Efron and Tibshirani 1993, chapter 13)."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def sums_interval(
    figure: Callable[[np.ndarray], np.ndarray], counts: np.ndarray, *, seed: int, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a figure of sums: `figure` maps (resamples, columns) to (resamples,)."""
    return interval(figure(resampled_sums(counts, seed=seed, resamples=resamples)))


def sums_difference(
    figure: Callable[[np.ndarray], np.ndarray], one: np.ndarray, other: np.ndarray, *, seed: int, resamples: int = RESAMPLES
) -> tuple[float, tuple[float, float]]:
    """Compare two models on the same rows: the figure of one minus that of the other, and the interval of the difference.

    Both are resampled together, so that rows which are equally hard for both do not add noise.

    Args:
        figure: of sums, (resamples, columns) to (resamples,).
        one: int (n, columns), what each row adds to the first model's sums.
        other: the same of the second, in the same order.
        seed: for the draws.
        resamples: how many.
    """
    columns = one.shape[1]
    sums = resampled_sums(np.hstack([one, other]), seed=seed, resamples=resamples)
    difference = figure(one.sum(axis=0, dtype=np.float64)[None])[0] - figure(other.sum(axis=0, dtype=np.float64)[None])[0]
    return float(difference), interval(figure(sums[:, :columns]) - figure(sums[:, columns:]))
