"""Histograms of a stream of values, in memory that does not grow, and the ranges read off them."""

from __future__ import annotations

import numpy as np

SMALLEST = 2.0**-20  # first half-width; doubled until the values fit, which loses no resolution
LEVELS = 256  # of an unsigned 8-bit activation
SEARCHED = 2048  # bins for the search of the least divergence, as in TensorRT
EPSILON = 1e-4  # takes the place of an empty bin, so that a logarithm exists

Range = tuple[float, float]


class Histogram:
    """Counts of values in equal bins over (-T, T), T a power of two.

    When a value lies outside, T doubles and neighbouring bins are joined, so that every count stays exact. The resolution in the end
    is at most 4/`bins` of the largest magnitude.
    """

    def __init__(self, bins: int = 16384) -> None:
        if bins % 4 or bins < 4:
            raise ValueError("bins must be a multiple of 4, so that they can be joined around zero")
        self.counts = np.zeros(bins, dtype=np.int64)
        self.limit = SMALLEST
        self.low, self.high = np.inf, -np.inf

    def add(self, values: np.ndarray) -> None:
        """Count values of any shape; all must be finite."""
        if not values.size:
            return
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        while max(-self.low, self.high) >= self.limit:
            self._double()
        counts, _ = np.histogram(values, bins=len(self.counts), range=(-self.limit, self.limit))
        self.counts += counts

    @property
    def width(self) -> float:
        """Width of a bin."""
        return 2 * self.limit / len(self.counts)

    @property
    def edges(self) -> np.ndarray:
        """Edges of the bins, float64 (bins + 1,)."""
        return np.linspace(-self.limit, self.limit, len(self.counts) + 1)

    def coarse(self, bins: int) -> tuple[np.ndarray, np.ndarray]:
        """Return counts and edges with neighbouring bins joined, at most `bins` of them, over the half-width that holds all values."""
        counts, edges = self.counts, self.edges
        factor = max(1, len(counts) // bins)
        return counts.reshape(-1, factor).sum(axis=1), edges[::factor]

    def _double(self) -> None:
        quarter = len(self.counts) // 4
        joined = self.counts.reshape(-1, 2).sum(axis=1)
        self.counts = np.zeros_like(self.counts)
        self.counts[quarter:-quarter] = joined
        self.limit *= 2


def percentile_range(histogram: Histogram, percentile: float) -> Range:
    """Return the range that holds `percentile` % of the values, the rest cut in equal shares from both sides; off by a bin at most."""
    cut = (1 - percentile / 100) / 2
    cumulated = np.cumsum(histogram.counts) / max(1, histogram.counts.sum())
    low = histogram.edges[int(np.searchsorted(cumulated, cut, side="right"))]
    high = histogram.edges[min(int(np.searchsorted(cumulated, 1 - cut)) + 1, len(histogram.counts))]
    return max(float(low), histogram.low), min(float(high), histogram.high)


def entropy_range(histogram: Histogram) -> Range:
    """Return the range whose 256 levels tell least about the values apart from the values themselves."""
    low, high = least_divergence(*histogram.coarse(SEARCHED), LEVELS)
    return max(low, histogram.low), min(high, histogram.high)


def least_divergence(counts: np.ndarray, edges: np.ndarray, levels: int) -> Range:
    """Return the range, symmetric to the middle bin, with the least Kullback-Leibler divergence after quantization.

    For each width: p, the counts with those outside put on the outermost bins; q, the counts inside joined to `levels` and spread
    again over the bins that are not empty. Migacz, "8-bit Inference with TensorRT" (GTC 2017); the same search as onnxruntime's, without
    its rounding of q to whole numbers.

    Args:
        counts: int64 (bins,).
        edges: (bins + 1,).
        levels: of the quantized values, fewer than the bins.
    """
    middle = len(counts) // 2
    total, found = counts.sum(), []
    for half in range(levels // 2, middle + 1):
        start, end = middle - half, min(middle + half + 1, len(counts))
        inside = counts[start:end]
        p = inside.astype(np.float64)
        p[0] += counts[:start].sum()
        p[-1] += total - counts[:end].sum()
        found.append((_divergence(p, _spread(inside, p > 0, levels)), start, end))
    _, start, end = min(found)
    return float(edges[start]), float(edges[end])


def _spread(inside: np.ndarray, filled: np.ndarray, levels: int) -> np.ndarray:
    """Return counts joined to `levels`, each level spread evenly over its filled bins; the last level takes what is left over."""
    joined = len(inside) // levels
    level = np.minimum(np.arange(len(inside)) // joined, levels - 1)
    sums = np.bincount(level, weights=inside, minlength=levels)
    # The rest behind the last full level counts to it and is not spread over, as in the source.
    reached = np.arange(len(inside)) < joined * levels
    sizes = np.bincount(level[reached], weights=filled[reached], minlength=levels)
    shares: np.ndarray = np.where(reached, (sums / np.maximum(sizes, 1))[level], 0.0)
    return shares


def _divergence(p: np.ndarray, q: np.ndarray) -> float:
    if not p.any() or not q.any():
        return float("inf")
    p, q = _smooth(p), _smooth(q)
    p, q = p / p.sum(), q / q.sum()
    return float((p * np.log(p / q)).sum())


def _smooth(counts: np.ndarray) -> np.ndarray:
    """Give empty bins a little, taken evenly from the others."""
    empty = counts == 0
    taken = EPSILON * empty.sum() / max(1, (~empty).sum())
    smoothed: np.ndarray = np.maximum(np.where(empty, EPSILON, counts - taken), EPSILON)
    return smoothed
