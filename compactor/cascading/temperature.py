"""One number that makes a model's probabilities honest: its logits divided by a temperature, fitted on held-out rows."""

from __future__ import annotations

import math

import numpy as np

from compactor.runtime.answers import confidence

__all__ = ["calibration_error", "confidence", "fit_temperature"]

# A model that is right on every row would want temperature 0, one that knows nothing an infinite one.
LOWEST, HIGHEST = 0.05, 20.0
HALVINGS = 60


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature T for which softmax(logits / T) has the least negative log-likelihood of the labels.

    The likelihood is concave in 1 / T, so its slope, sum over rows of (logit of the label - mean logit under the model), has one zero,
    which is found by halving. Guo et al. 2017, On Calibration of Modern Neural Networks (arXiv:1706.04599), section 4.2.

    Args:
        logits: (rows, labels).
        labels: int64 (rows,).

    Returns:
        Between 0.05 and 20; at an end when the slope has no zero in between.
    """
    values = logits.astype(np.float64)
    values -= values.max(axis=1, keepdims=True)
    of_label = values[np.arange(len(values)), labels]

    def slope(inverse: float) -> float:
        weights = np.exp(values * inverse)
        return float((of_label - (weights * values).sum(axis=1) / weights.sum(axis=1)).sum())

    low, high = math.log(1 / HIGHEST), math.log(1 / LOWEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if slope(math.exp(middle)) > 0:
            low = middle
        else:
            high = middle
    return math.exp(-(low + high) / 2)


def calibration_error(confidences: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Return the expected calibration error: the gap between confidence and accuracy, over equal bins weighted by their rows.

    Guo et al. 2017, equation 5.
    """
    places = np.minimum((confidences * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(places, weights=confidences - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidences))
