"""A model asked the same inputs in two places: its figure there."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.measuring.answers_there import _metric
from compactor.tasks import TASKS

LABELS = np.array([0, 1, 1])


def accuracy(outputs: np.ndarray, rows: list[int]) -> float:
    return TASKS.load("text-classification")().value(outputs, LABELS[rows])


def answers(*rows: list[float]) -> dict[int, dict[str, np.ndarray]]:
    return {index: {"logits": np.array([row], dtype=np.float32)} for index, row in enumerate(rows)}


HERE = answers([1, 0], [0, 1], [0, 1])


def test_a_figure_of_both_places() -> None:
    found = _metric(("accuracy", accuracy), HERE, answers([1, 0], [1, 0], [0, 1]), [0, 1, 2], 0)
    assert found == {"name": "accuracy", "here": 1, "there": pytest.approx(2 / 3), "n": 3}


@pytest.mark.parametrize(
    "there",
    [
        answers([1, 0], [float("nan"), 1], [0, 1]),
        answers([1, 0], [0, 1, 0], [0, 1]),
        {**HERE, 1: {"other": np.zeros((1, 2), dtype=np.float32)}},
    ],
)
def test_answers_that_are_none_have_no_figure(there: dict[int, dict[str, np.ndarray]]) -> None:
    assert _metric(("accuracy", accuracy), HERE, there, [0, 1, 2], 0) is None
