"""Figures of merit for classifiers, their bootstrap intervals, and paired comparison of two classifiers. numpy only."""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import numpy as np

RESAMPLES = 2000
EXACT_LIMIT = 1000  # disagreements up to which McNemar's test is summed exactly


def confusion_counts(predicted: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Count rows by label and prediction.

    Args:
        predicted: int (n,), ids below `classes`.
        labels: the same.
        classes: number of classes.

    Returns:
        int64 (classes, classes); rows are labels, columns predictions.
    """
    cells = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return cells.reshape(classes, classes)


def accuracy(confusion: np.ndarray) -> np.ndarray:
    """Share of rows answered rightly. `confusion` (..., k, k); returns float (...,)."""
    right = np.trace(confusion, axis1=-2, axis2=-1)
    return np.asarray(right / confusion.sum(axis=(-2, -1)))


def macro_f1(confusion: np.ndarray) -> np.ndarray:
    """F1 averaged over the classes that occur as label or answer, as scikit-learn's `f1_score(average="macro")` counts them.

    `confusion` (..., k, k); returns float (...,).
    """
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    total = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    scores = 2.0 * right / np.maximum(total, 1)
    return np.asarray(scores.sum(axis=-1) / np.maximum((total > 0).sum(axis=-1), 1))


def matthews(confusion: np.ndarray) -> np.ndarray:
    """Matthews correlation for any number of classes (Gorodkin 2004): -1 to 1, 0 for answers that do not depend on the label.

    `confusion` (..., k, k); returns float (...,); 0 where labels or answers are all the same.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    rows = counts.sum(axis=(-2, -1))
    right = np.trace(counts, axis1=-2, axis2=-1)
    labels, answers = counts.sum(axis=-1), counts.sum(axis=-2)
    covariance = right * rows - (labels * answers).sum(axis=-1)
    spread = (rows**2 - (labels**2).sum(axis=-1)) * (rows**2 - (answers**2).sum(axis=-1))
    return np.asarray(np.where(spread > 0, covariance / np.sqrt(np.where(spread > 0, spread, 1.0)), 0.0))


def bootstrap_interval(
    statistic: Callable[[np.ndarray], np.ndarray], confusion: np.ndarray, *, seed: int, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Return the 95 % percentile interval of a figure under resampling of the rows (Efron and Tibshirani 1993, chapter 13).

    Rows matter only through their cell of the confusion table, so drawing n rows with replacement is one multinomial draw of the cells.
    An interval sees the choice of the rows, not the seed of a training nor a test set that is unlike the field.

    Args:
        statistic: a function of (resamples, k, k) tables, such as `macro_f1`.
        confusion: int (k, k).
        seed: for the draws.
        resamples: how many.
    """
    cells = confusion.ravel()
    used = np.flatnonzero(cells)
    rng = np.random.default_rng(seed)
    values = []
    for start in range(0, resamples, 200):  # in blocks: 2,000 tables of 150 classes would take 360 MB
        count = min(200, resamples - start)
        tables = np.zeros((count, cells.size), dtype=np.int64)
        tables[:, used] = rng.multinomial(cells.sum(), cells[used] / cells.sum(), size=count)
        values.append(statistic(tables.reshape(count, *confusion.shape)))
    low, high = np.percentile(np.concatenate(values), [2.5, 97.5])
    return float(low), float(high)


def accuracy_interval(right: int, rows: int, *, seed: int, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of an accuracy: the number of right rows in a resample is binomial, exactly."""
    draws = np.random.default_rng(seed).binomial(rows, right / rows, size=resamples) / rows
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def paired_difference(
    correct_a: np.ndarray, correct_b: np.ndarray, seed: int, *, resamples: int = RESAMPLES
) -> tuple[float, tuple[float, float]]:
    """Compare two classifiers on the same rows.

    Far sharper than comparing two intervals: rows that both get right or both get wrong do not add noise.

    Args:
        correct_a: bool (n,), which rows the first answers rightly.
        correct_b: the same of the second, in the same order.
        seed: for the bootstrap.
        resamples: of the rows, both classifiers together.

    Returns:
        Accuracy of a minus accuracy of b, and its 95 % percentile interval.
    """
    difference = np.asarray(correct_a, dtype=np.int64) - np.asarray(correct_b, dtype=np.int64)
    rows = len(difference)
    shares = np.array([(difference > 0).mean(), (difference < 0).mean(), (difference == 0).mean()])
    draws = np.random.default_rng(seed).multinomial(rows, shares, size=resamples)
    low, high = np.percentile((draws[:, 0] - draws[:, 1]) / rows, [2.5, 97.5])
    return float(difference.mean()), (float(low), float(high))


def mcnemar(correct_a: np.ndarray, correct_b: np.ndarray) -> float:
    """Return the two-sided p value that two classifiers are equally good on the same rows (McNemar 1947, exact binomial form).

    Beyond 1,000 disagreements the sum is replaced by the normal approximation with continuity correction.

    Args:
        correct_a: bool (n,), which rows the first answers rightly.
        correct_b: the same of the second, in the same order.
    """
    from math import erfc, sqrt

    only_a = int((correct_a & ~correct_b).sum())
    only_b = int((correct_b & ~correct_a).sum())
    disagreements = only_a + only_b
    if disagreements == 0:
        return 1.0
    if disagreements > EXACT_LIMIT:
        return erfc(max(abs(only_a - only_b) - 1, 0) / sqrt(2.0 * disagreements))
    tail = sum(comb(disagreements, count) for count in range(min(only_a, only_b) + 1))
    return float(min(1.0, 2 * tail / 2**disagreements))
