"""A temperature is that of the least negative log-likelihood, as scipy finds it."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.cascading.temperature import HIGHEST, LOWEST, calibration_error, confidence, fit_temperature


def likelihood(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    from scipy.special import log_softmax

    return float(-log_softmax(logits / temperature, axis=1)[np.arange(len(labels)), labels].sum())


@pytest.mark.parametrize("true", [0.4, 1.0, 3.0])
@pytest.mark.parametrize("classes", [2, 12])
def test_it_is_the_minimum_that_scipy_finds(true: float, classes: int) -> None:
    from scipy.optimize import minimize_scalar

    dice = np.random.default_rng(classes)
    honest = dice.normal(size=(600, classes)) * 2
    chances = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    labels = np.array([dice.choice(classes, p=chance) for chance in chances])
    logits = (honest * true).astype(np.float32)
    found = fit_temperature(logits, labels)
    best = minimize_scalar(lambda t: likelihood(logits, labels, t), bounds=(LOWEST, HIGHEST), method="bounded")
    assert found == pytest.approx(best.x, rel=1e-3)
    grid = np.geomspace(LOWEST, HIGHEST, 200)
    assert likelihood(logits, labels, found) <= min(likelihood(logits, labels, each) for each in grid) + 1e-9
    before = calibration_error(confidence(logits, 1.0), logits.argmax(axis=1) == labels)
    after = calibration_error(confidence(logits, found), logits.argmax(axis=1) == labels)
    assert after <= before + 0.02


def test_a_model_that_is_always_right_or_knows_nothing_stays_within_bounds() -> None:
    labels = np.arange(20) % 2
    right = np.eye(2)[labels] * 4
    assert fit_temperature(right, labels) == pytest.approx(LOWEST)
    assert fit_temperature(1.0 - right, labels) == pytest.approx(HIGHEST)


def test_confidence_is_the_highest_probability() -> None:
    from scipy.special import softmax

    logits = np.random.default_rng(0).normal(size=(50, 5)) * 30
    assert confidence(logits, 2.5) == pytest.approx(softmax(logits / 2.5, axis=1).max(axis=1))


def test_calibration_error_by_hand() -> None:
    found = calibration_error(np.array([0.9, 0.9, 0.3]), np.array([True, False, False]), bins=2)
    assert found == pytest.approx((abs(0.9 + 0.9 - 1) + 0.3) / 3)
