"""Embeddings: correlations with scores or with the teacher, neighbours against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.tasks import TASKS
from compactor.tasks.metrics.neighbours import recall_of_neighbours

TASK = TASKS.load("sentence-similarity")()
stats = pytest.importorskip("scipy.stats")


def vectors(seed, rows=80, width=12):
    made = np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def near(given, noise, seed=9):
    moved = given + noise * vectors(seed, *given.shape)
    return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)


def test_cosines_of_pairs_are_ranked_against_their_scores():
    found = vectors(0)
    cosines = (found[0::2] * found[1::2]).sum(axis=1)
    scores = np.round(cosines + np.random.default_rng(1).normal(0, 0.2, 40), 1)
    labels = np.repeat(scores, 2)[:, None].astype(np.float32)
    quality = TASK.quality(found, labels, split="test", seed=0)
    assert quality.value == pytest.approx(stats.spearmanr(cosines, labels[0::2, 0]).statistic)
    assert quality.others["pearson"] == pytest.approx(stats.pearsonr(cosines, labels[0::2, 0]).statistic)
    assert (quality.n, quality.agreement_with_teacher) == (40, None)
    assert TASK.value(found, labels) == quality.value


def test_without_scores_the_teacher_is_the_measure():
    teacher = vectors(0)
    nothing = np.full((80, 1), np.nan, dtype=np.float32)
    student = near(teacher, 0.5)
    quality = TASK.quality(student, nothing, split="test", seed=0, teacher_logits=teacher)
    mine, theirs = ((each * np.roll(each, 40, axis=0)).sum(axis=1) for each in (student, teacher))
    assert quality.value == pytest.approx(stats.spearmanr(mine, theirs).statistic, abs=1e-6)
    assert quality.others["teacher_cosine"] == pytest.approx(float((student * teacher).sum(axis=1).mean()), abs=1e-6)
    assert 0 < quality.value < 1
    assert TASK.quality(teacher, nothing, split="test", seed=0).value == 1.0
    assert TASK.difference(student, teacher, nothing, seed=0) is None


@pytest.mark.parametrize("count", [1, 5, 10])
def test_recall_is_that_of_scikit_learns_neighbours(count):
    neighbors = pytest.importorskip("sklearn.neighbors")
    reference = vectors(2, rows=60)
    found = near(reference, 0.6)
    nearest = []
    for each in (found, reference):
        search = neighbors.NearestNeighbors(n_neighbors=count + 1, metric="cosine").fit(each)
        nearest.append([set(row) - {number} for number, row in enumerate(search.kneighbors(each)[1])])
    expected = np.mean([len(mine & theirs) / count for mine, theirs in zip(*nearest, strict=True)])
    assert recall_of_neighbours(found, reference, count=count) == pytest.approx(expected)


def test_recall_of_the_same_vectors_is_whole_and_of_random_ones_small():
    given = vectors(0, rows=300)
    assert recall_of_neighbours(given, given) == 1.0
    assert recall_of_neighbours(vectors(1, rows=300), given) < 0.1
    assert recall_of_neighbours(given[:1], given[:1]) == 1.0


def test_the_same_means_nearly_the_same_direction():
    given = vectors(0)
    assert TASK.same(near(given, 0.1), given).all()
    assert not TASK.same(near(given, 2.0), given).any()
    assert TASK.same(3.0 * given, given).all()


def test_difference_is_paired():
    found = vectors(0, rows=800)
    labels = np.repeat((found[0::2] * found[1::2]).sum(axis=1), 2)[:, None]
    worse = near(found, 0.7)
    difference, (low, high) = TASK.difference(near(found, 0.3), worse, labels, seed=0)
    assert 0 < low < difference < high
