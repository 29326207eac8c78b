"""The threshold is the one with the largest coverage among all that keep the accuracy, by enumeration."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.cascading.threshold import NEVER, applied, choose, levels


def by_hand(confidences: np.ndarray, right: np.ndarray, threshold: float) -> tuple[float, float]:
    """Return accuracy and coverage, row by row."""
    hits, early = 0, 0
    for row in range(confidences.shape[1]):
        level = next((each for each in range(len(confidences)) if confidences[each, row] >= threshold), len(confidences))
        hits += bool(right[level, row])
        early += level < len(confidences)
    return hits / confidences.shape[1], early / confidences.shape[1]


@pytest.mark.parametrize("exits", [1, 3])
@pytest.mark.parametrize("max_drop", [0.0, 0.01, 0.05, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_no_other_threshold_within_the_drop_covers_more(exits: int, max_drop: float, seed: int) -> None:
    dice = np.random.default_rng(seed)
    confidences = dice.random((exits, 120)).round(2)  # with ties
    right = np.concatenate([dice.random((exits, 120)) < confidences, dice.random((1, 120)) < 0.9])
    found = choose(confidences, right, max_drop)
    assert (found.accuracy, found.coverage) == pytest.approx(by_hand(confidences, right, found.confidence))
    reference = right[-1].mean()
    assert found.accuracy >= reference - max_drop - 1e-9
    every = [by_hand(confidences, right, threshold) for threshold in (*np.unique(confidences), 0.0, NEVER)]
    assert found.coverage == pytest.approx(max(cover for accuracy, cover in every if accuracy >= reference - max_drop - 1e-9))
    assert sum(found.shares) == pytest.approx(1.0)


def test_no_row_stands_at_the_threshold() -> None:
    confidences = np.array([[0.9, 0.8, 0.5, 0.4]])
    right = np.array([[True, True, False, False], [True, True, True, True]])
    found = choose(confidences, right, 0.0)
    assert found.confidence == pytest.approx(0.65)
    assert levels(confidences, found.confidence).tolist() == [0, 0, 1, 1]


def test_the_ends() -> None:
    confidences = np.array([[0.9, 0.8]])
    assert choose(confidences, np.array([[True, True], [True, False]]), 0.0).coverage == 1.0
    never = choose(confidences, np.array([[False, False], [True, True]]), 0.0)
    assert (never.coverage, never.confidence) == (0.0, NEVER)
    assert applied(confidences, np.array([[False, True], [True, True]]), 0.85).accuracy == 0.5
