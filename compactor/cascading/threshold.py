"""How sure is sure enough: the lowest threshold at which the combination still answers as well as is wanted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Confidences nearer than this count as equal, so that no row stands so near a threshold that rounding could move it across.
RESOLUTION = 1e-6
NEVER = 2.0  # above every probability


@dataclass(frozen=True)
class Choice:
    """A threshold and what it does to the rows it was chosen on.

    Attributes:
        confidence: a level answers when its confidence is at least this.
        accuracy: share of rows that the combination answers rightly.
        coverage: share of rows that are answered before the last level.
        shares: share of rows that each level answers, the last included.
    """

    confidence: float
    accuracy: float
    coverage: float
    shares: tuple[float, ...]


def levels(confidences: np.ndarray, threshold: float) -> np.ndarray:
    """Return which level answers each row, int64 (rows,): the first that is sure, else the last.

    Args:
        confidences: (levels but the last, rows).
        threshold: how sure is sure enough.
    """
    sure = np.concatenate([confidences >= threshold, np.ones((1, confidences.shape[1]), dtype=bool)])
    first: np.ndarray = sure.argmax(axis=0)
    return first


def applied(confidences: np.ndarray, right: np.ndarray, threshold: float) -> Choice:
    """Return what a threshold does.

    Args:
        confidences: (levels but the last, rows).
        right: bool (levels, rows): whether each level answers a row rightly.
        threshold: how sure is sure enough.
    """
    chosen = levels(confidences, threshold)
    accuracy = float(right[chosen, np.arange(len(chosen))].mean())
    shares = np.bincount(chosen, minlength=len(right)) / len(chosen)
    return Choice(threshold, accuracy, float(1.0 - shares[-1]), tuple(float(share) for share in shares))


def choose(confidences: np.ndarray, right: np.ndarray, max_drop: float) -> Choice:
    """Return the lowest threshold that loses at most `max_drop` of the last level's accuracy: every threshold is tried.

    A lower threshold never sends a row to a later level, so the lowest one within the drop also saves the most. It stands in the middle
    between two confidences.

    Args:
        confidences: (levels but the last, rows).
        right: bool (levels, rows).
        max_drop: of the accuracy, against that of the last level alone.
    """
    wanted = float(right[-1].mean()) - max_drop - 1e-12
    ordered = np.sort(confidences.ravel())[::-1]
    steps = np.flatnonzero(ordered[:-1] - ordered[1:] > RESOLUTION)
    between = [float(middle) for middle in (ordered[steps] + ordered[steps + 1]) / 2]
    # The lowest first: all rows at the first level, ..., none at all. The last one is always within the drop.
    return next(
        found
        for threshold in (0.0, *between[::-1], NEVER)
        if (found := applied(confidences, right, threshold)).accuracy >= wanted
    )
