"""Correlation of numbers and of their ranks, with exact bootstrap: a resample is ranked from the order of the whole, never sorted again."""

from __future__ import annotations

import numpy as np

from compactor.tasks.metrics.resampling import RESAMPLES, interval

BLOCK_CELLS = 4_000_000  # row weights held at once


def pearson(first: np.ndarray, second: np.ndarray) -> float:
    """Return the linear correlation of two series, float (n,); 0 where one of them never changes."""
    ones = np.ones((1, len(first)))
    return float(_correlation(first[None].astype(np.float64), second[None].astype(np.float64), ones)[0])


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Return the correlation of the ranks of two series, float (n,); equal values share their mean rank (Spearman 1904)."""
    ones = np.ones((1, len(first)))
    return float(_spearman(_Order(first), _Order(second), ones)[0])


def spearman_draws(pairs: list[tuple[np.ndarray, np.ndarray]], *, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """Return the rank correlation of each pair of series in every resample of the rows, float64 (pairs, resamples).

    All pairs see the same resamples, so that their differences can be judged. A resample is a weight for each row; a value's rank in
    it follows from the weights of the smaller values, which is exact, ties included.

    Args:
        pairs: pairs of series, float (n,), all of the same rows.
        seed: for the draws.
        resamples: how many.
    """
    orders = [(_Order(first), _Order(second)) for first, second in pairs]
    rows = len(pairs[0][0])
    rng, block = np.random.default_rng(seed), max(1, BLOCK_CELLS // rows)
    parts = []
    for start in range(0, resamples, block):
        count = min(block, resamples - start)
        weights = rng.multinomial(rows, np.full(rows, 1.0 / rows), size=count).astype(np.float64)
        parts.append(np.stack([_spearman(first, second, weights) for first, second in orders]))
    return np.concatenate(parts, axis=1)


def spearman_interval(first: np.ndarray, second: np.ndarray, *, seed: int, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the rank correlation; a correlation that cannot vary has an interval without width."""
    return interval(spearman_draws([(first, second)], seed=seed, resamples=resamples)[0])


class _Order:
    """A series in ascending order: where each value stands, and where equal values begin."""

    def __init__(self, values: np.ndarray) -> None:
        self.order = np.argsort(values, kind="stable")
        ordered = values[self.order]
        self.starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        self.group = np.empty(len(values), dtype=np.int64)
        self.group[self.order] = np.cumsum(np.concatenate([[True], ordered[1:] != ordered[:-1]])) - 1

    def ranks(self, weights: np.ndarray) -> np.ndarray:
        """Return each row's mean rank where row i occurs `weights[., i]` times; float (resamples, n)."""
        grouped = np.add.reduceat(weights[:, self.order], self.starts, axis=1)
        middle = np.cumsum(grouped, axis=1) - (grouped - 1.0) / 2.0
        return np.asarray(middle[:, self.group])


def _spearman(first: _Order, second: _Order, weights: np.ndarray) -> np.ndarray:
    return _correlation(first.ranks(weights), second.ranks(weights), weights)


def _correlation(first: np.ndarray, second: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted correlation of each line; 0 where one series does not vary."""
    total = weights.sum(axis=1, keepdims=True)
    one, other = (series - (weights * series).sum(axis=1, keepdims=True) / total for series in (first, second))
    together = (weights * one * other).sum(axis=1)
    apart = (weights * one**2).sum(axis=1) * (weights * other**2).sum(axis=1)
    return np.asarray(np.where(apart > 0, together / np.sqrt(np.where(apart > 0, apart, 1.0)), 0.0))
