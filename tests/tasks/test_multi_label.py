"""Sets of labels: figures against scikit-learn, intervals against resampling row by row."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.tasks import TASKS
from compactor.tasks.metrics import resampling, sets

TASK = TASKS.load("multi-label-classification")()
sklearn_metrics = pytest.importorskip("sklearn.metrics")


def answers(seed, rows=120, labels=6):
    rng = np.random.default_rng(seed)
    wanted = rng.random((rows, labels)) < np.linspace(0.05, 0.6, labels)
    logits = np.where(wanted, 1.0, -1.0) + rng.normal(0, 1.2, (rows, labels))
    return logits.astype(np.float32), wanted.astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_same_as_scikit_learn(seed):
    logits, wanted = answers(seed)
    predicted = logits > 0
    quality = TASK.quality(logits, wanted, split="test", seed=0)
    assert quality.value == pytest.approx(sklearn_metrics.f1_score(wanted, predicted, average="micro"))
    assert quality.others["macro_f1"] == pytest.approx(sklearn_metrics.f1_score(wanted, predicted, average="macro"))
    assert quality.others["subset_accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(wanted, predicted))
    assert TASK.value(logits, wanted) == quality.value
    assert quality.ci95[0] < quality.value < quality.ci95[1]


def test_nothing_wanted_and_nothing_answered():
    empty = np.zeros((3, 2), dtype=np.float32)
    assert TASK.value(empty - 1, empty) == 0.0
    assert TASK.quality(empty - 1, empty, split="test", seed=0).others["subset_accuracy"] == 1.0


def test_interval_agrees_with_resampling_row_by_row():
    logits, wanted = answers(7)
    rng = np.random.default_rng(1)
    draws = []
    for _ in range(2000):
        rows = rng.integers(0, len(wanted), len(wanted))
        draws.append(sklearn_metrics.f1_score(wanted[rows], logits[rows] > 0, average="micro"))
    assert TASK.quality(logits, wanted, split="test", seed=3).ci95 == pytest.approx(
        np.percentile(draws, [2.5, 97.5]), abs=0.012
    )


def test_a_paired_difference_is_sharper_than_two_intervals():
    logits, wanted = answers(8, rows=400)
    worse = logits.copy()
    worse[::25] *= -1
    difference, (low, high) = TASK.difference(logits, worse, wanted, seed=0)
    assert difference == pytest.approx(TASK.value(logits, wanted) - TASK.value(worse, wanted))
    assert 0 < low < difference < high
    alone = [TASK.quality(each, wanted, split="test", seed=0).ci95 for each in (logits, worse)]
    assert high - low < min(b - a for a, b in alone)


def test_agreement_is_of_whole_sets():
    logits, wanted = answers(1)
    other = logits.copy()
    other[0, 0] *= -1
    assert TASK.quality(other, wanted, split="test", seed=0, teacher_logits=logits).agreement_with_teacher == pytest.approx(
        119 / 120
    )


def test_resampled_sums_have_the_mean_and_spread_of_the_bootstrap():
    counts = np.random.default_rng(0).integers(0, 4, (50, 3))
    sums = resampling.resampled_sums(counts, seed=0, resamples=20_000)
    assert sums.mean(axis=0) == pytest.approx(counts.sum(axis=0), rel=0.02)
    assert sums.std(axis=0) == pytest.approx(counts.std(axis=0) * np.sqrt(50), rel=0.03)
    assert sets.f1(np.array([[2, 1, 1]])) == pytest.approx([4 / 6])


@pytest.mark.parametrize("logits", [np.zeros((119, 6)), np.zeros(120), np.full((120, 6), np.nan)])
def test_answers_that_cannot_be_scored(logits):
    with pytest.raises(ValueError, match=r"labels for logits|NaN"):
        TASK.quality(logits, answers(0)[1], split="test", seed=0)
