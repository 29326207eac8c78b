"""The task's interface, scores and answers."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.tasks import TASKS

TASK = TASKS.load("text-classification")()
LABELS = np.array([0, 1, 2, 2])
LOGITS = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]] * 4


def test_the_fewest_inputs():
    assert TASK.inputs(pair=False) == ("input_ids", "attention_mask")
    assert TASK.inputs(pair=True) == ("input_ids", "attention_mask", "token_type_ids")
    assert TASK.outputs() == {"logits": ("batch", "labels")}


def test_quality():
    quality = TASK.quality(LOGITS, LABELS, split="test", seed=0, teacher_logits=np.eye(3)[[0, 1, 1, 0]])
    assert (quality.metric, quality.value, quality.n, quality.split) == ("accuracy", 0.75, 4, "test")
    assert quality.ci95[0] <= 0.75 <= quality.ci95[1]
    assert quality.others["macro_f1"] == pytest.approx((2 / 3 + 1 + 2 / 3) / 3)
    assert quality.agreement_with_teacher == 0.75
    assert TASK.quality(LOGITS, LABELS, split="test", seed=0).agreement_with_teacher is None


@pytest.mark.parametrize("logits", [LOGITS[:3], LOGITS[0], np.full((4, 3), np.nan)])
def test_answers_that_cannot_be_scored(logits):
    with pytest.raises(ValueError, match=r"labels for logits|NaN"):
        TASK.quality(logits, LABELS, split="test", seed=0)


def test_what_training_watches_is_the_figure_of_the_report():
    assert TASK.value(LOGITS, LABELS) == TASK.quality(LOGITS, LABELS, split="test", seed=0).value


def test_two_models_are_compared_row_by_row():
    better = np.eye(3, dtype=np.float32)[[0, 1, 2, 2]]
    difference, (low, high) = TASK.difference(better, LOGITS, LABELS, seed=0)
    assert difference == 0.25
    assert low <= 0.25 <= high
