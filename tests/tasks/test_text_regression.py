"""Numbers: correlations against scipy, intervals against resampling and ranking anew."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.tasks import TASKS
from compactor.tasks.metrics import ranks

TASK = TASKS.load("text-regression")()
stats = pytest.importorskip("scipy.stats")


def answers(seed, rows=150, noise=0.8, decimals=1):
    rng = np.random.default_rng(seed)
    wanted = np.round(rng.uniform(0, 5, rows), decimals).astype(np.float32)
    return (wanted + rng.normal(0, noise, rows)).round(decimals).astype(np.float32), wanted


@pytest.mark.parametrize("decimals", [0, 1, 6])
@pytest.mark.parametrize("seed", range(4))
def test_same_as_scipy_ties_included(seed, decimals):
    found, wanted = answers(seed, decimals=decimals)
    assert ranks.spearman(found, wanted) == pytest.approx(stats.spearmanr(found, wanted).statistic)
    assert ranks.pearson(found, wanted) == pytest.approx(stats.pearsonr(found, wanted).statistic)


@pytest.mark.parametrize("decimals", [0, 6])
def test_every_resample_is_ranked_as_scipy_would_rank_it(decimals):
    found, wanted = answers(5, rows=40, decimals=decimals)
    draws = ranks.spearman_draws([(found, wanted)], seed=11, resamples=30)[0]
    weights = np.random.default_rng(11).multinomial(40, np.full(40, 1 / 40), size=30)
    for draw, weight in zip(draws, weights, strict=True):
        rows = np.repeat(np.arange(40), weight)
        assert draw == pytest.approx(stats.spearmanr(found[rows], wanted[rows]).statistic)


def test_quality():
    found, wanted = answers(2)
    quality = TASK.quality(found[:, None], wanted[:, None], split="test", seed=0, teacher_logits=found[:, None] + 0.01)
    assert quality.metric == "spearman"
    assert quality.value == TASK.value(found[:, None], wanted[:, None])
    assert quality.ci95[0] < quality.value < quality.ci95[1]
    residual = ((found - wanted) ** 2).mean()
    assert quality.others["mean_squared_error"] == pytest.approx(residual)
    assert quality.others["explained_variance"] == pytest.approx(1 - residual / wanted.var(), rel=1e-5)
    assert quality.agreement_with_teacher == 1.0


def test_answers_that_never_change_rank_nothing():
    flat = np.ones((20, 1), dtype=np.float32)
    quality = TASK.quality(flat, np.arange(20, dtype=np.float32)[:, None], split="test", seed=0)
    assert quality.value == 0.0
    assert quality.ci95 == (0.0, 0.0)


def test_difference_is_paired():
    found, wanted = answers(3, rows=600)
    worse = found + np.random.default_rng(0).normal(0, 0.5, 600).astype(np.float32)
    difference, (low, high) = TASK.difference(found[:, None], worse[:, None], wanted[:, None], seed=0)
    assert 0 < low < difference < high
    assert TASK.difference(found[:, None], found[:, None], wanted[:, None], seed=0) == (0.0, (0.0, 0.0))
