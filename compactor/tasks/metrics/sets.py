"""Figures for sets of labels: what each row gets right, wrongly adds and misses; F1 over all of them, or label by label."""

from __future__ import annotations

import numpy as np


def set_counts(predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Count by row: labels found, labels wrongly added, labels missed.

    Args:
        predicted: bool (n, labels).
        labels: bool (n, labels).

    Returns:
        int64 (n, 3).
    """
    found, added, missed = predicted & labels, predicted & ~labels, ~predicted & labels
    return np.stack([part.sum(axis=1) for part in (found, added, missed)], axis=1)


def f1(sums: np.ndarray) -> np.ndarray:
    """Return F1 = 2 found / (2 found + added + missed); 0 where nothing was to be found and nothing was answered.

    `sums` (..., 3) as `set_counts` has them; returns float (...,).
    """
    found, added, missed = (np.asarray(sums[..., part], dtype=np.float64) for part in range(3))
    total = 2.0 * found + added + missed
    return np.asarray(np.where(total > 0, 2.0 * found / np.where(total > 0, total, 1.0), 0.0))


def macro_f1_of_sets(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean of the labels' F1, as scikit-learn's `f1_score(average="macro", zero_division=0)`; both bool (n, labels)."""
    return float(f1(set_counts(predicted.T, labels.T)).mean())


def subset_accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of rows whose whole set is right; both bool (n, labels)."""
    return float((predicted == labels).all(axis=1).mean())
