"""Metrics against scikit-learn and closed forms, intervals against their meaning."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.tasks import metrics

sklearn_metrics = pytest.importorskip("sklearn.metrics")


def answers(seed, rows=300, classes=5, share_right=0.6):
    rng = np.random.default_rng(seed)
    labels = rng.choice(classes, size=rows, p=rng.dirichlet(np.ones(classes)))
    return labels, np.where(rng.random(rows) < share_right, labels, rng.integers(0, classes, rows))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("classes", [2, 5, 40])
def test_same_as_scikit_learn(seed, classes):
    labels, predicted = answers(seed, classes=classes)
    confusion = metrics.confusion_counts(predicted, labels, classes)
    assert (confusion == sklearn_metrics.confusion_matrix(labels, predicted, labels=range(classes))).all()
    assert metrics.accuracy(confusion) == pytest.approx(sklearn_metrics.accuracy_score(labels, predicted))
    assert metrics.macro_f1(confusion) == pytest.approx(sklearn_metrics.f1_score(labels, predicted, average="macro"))
    assert metrics.matthews(confusion) == pytest.approx(sklearn_metrics.matthews_corrcoef(labels, predicted))


@pytest.mark.parametrize(
    ("labels", "predicted", "expected"),
    [([0, 0, 0], [0, 0, 0], (1.0, 1.0, 0.0)), ([0, 1], [0, 0], (0.5, 1 / 3, 0.0)), ([0, 1], [1, 0], (0.0, 0.0, -1.0))],
)
def test_edges(labels, predicted, expected):
    confusion = metrics.confusion_counts(np.array(predicted), np.array(labels), 2)
    found = (metrics.accuracy(confusion), metrics.macro_f1(confusion), metrics.matthews(confusion))
    assert found == pytest.approx(expected)


def test_many_tables_at_once():
    tables = np.stack([metrics.confusion_counts(*answers(seed)[::-1], 5) for seed in range(6)])
    for figure in (metrics.accuracy, metrics.macro_f1, metrics.matthews):
        assert figure(tables) == pytest.approx([float(figure(table)) for table in tables])


@pytest.mark.parametrize("figure", [metrics.accuracy, metrics.macro_f1, metrics.matthews])
def test_interval_agrees_with_resampling_row_by_row(figure):
    labels, predicted = answers(3)
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(2000):
        rows = rng.integers(0, len(labels), len(labels))
        draws.append(float(figure(metrics.confusion_counts(predicted[rows], labels[rows], 5))))
    expected = np.percentile(draws, [2.5, 97.5])
    confusion = metrics.confusion_counts(predicted, labels, 5)
    assert metrics.bootstrap_interval(figure, confusion, seed=1) == pytest.approx(expected, abs=0.01)


def test_accuracy_interval_is_that_of_the_general_bootstrap_and_covers():
    labels, predicted = answers(4)
    confusion = metrics.confusion_counts(predicted, labels, 5)
    right = int((labels == predicted).sum())
    low, high = metrics.accuracy_interval(right, 300, seed=0)
    assert (low, high) == pytest.approx(metrics.bootstrap_interval(metrics.accuracy, confusion, seed=0), abs=0.012)
    trials = np.random.default_rng(0).binomial(500, 0.9, 300)
    covered = [low <= 0.9 <= high for low, high in (metrics.accuracy_interval(int(k), 500, seed=0) for k in trials)]
    assert 0.91 < np.mean(covered) < 0.98


def test_intervals_are_seeded_and_closed_at_the_ends():
    assert metrics.accuracy_interval(90, 100, seed=5) == metrics.accuracy_interval(90, 100, seed=5)
    assert metrics.accuracy_interval(90, 100, seed=5) != metrics.accuracy_interval(90, 100, seed=6)
    assert metrics.accuracy_interval(100, 100, seed=0) == (1.0, 1.0)
    assert metrics.accuracy_interval(0, 100, seed=0) == (0.0, 0.0)


def test_paired_difference_is_sharper_than_two_intervals():
    rng = np.random.default_rng(0)
    first = rng.random(2000) < 0.9
    second = first & (rng.random(2000) < 0.99)  # the same rows, a few more of them wrong
    difference, (low, high) = metrics.paired_difference(first, second, seed=0)
    assert difference == pytest.approx(first.mean() - second.mean())
    assert 0 < low < difference < high
    assert metrics.accuracy_interval(int(first.sum()), 2000, seed=0)[0] < second.mean()
    assert metrics.paired_difference(second, first, seed=0)[0] == -difference
    assert metrics.paired_difference(first, first, seed=0) == (0.0, (0.0, 0.0))


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (5, 5), (10, 2), (2, 10), (40, 60), (900, 1100)])
def test_mcnemar_is_a_binomial_test(only_a, only_b):
    stats = pytest.importorskip("scipy.stats")
    first = np.array([True] * only_a + [False] * only_b + [True] * 7)
    second = np.array([False] * only_a + [True] * only_b + [True] * 7)
    expected = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert metrics.mcnemar(first, second) == pytest.approx(expected, rel=0.02)
