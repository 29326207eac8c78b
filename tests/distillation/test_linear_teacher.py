"""The linear second teacher does not give the training labels away."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.distillation.linear_teacher import out_of_fold_logits


def test_a_rows_own_label_does_not_reach_its_answer() -> None:
    """With labels thrown at random nothing can be learnt, so that a model which saw them would be caught by its accuracy."""
    generator = np.random.default_rng(0)
    texts = [f"text {number} {'abcdefgh'[number % 8]} word{number % 50}" for number in range(400)]
    labels = generator.integers(0, 4, 400)
    answers = out_of_fold_logits(texts, labels, 4, seed=0)
    assert answers.dtype == np.float32
    assert np.allclose(np.exp(answers).sum(axis=1), 1.0, atol=1e-3)
    assert np.mean(answers.argmax(axis=1) == labels) < 0.4


def test_it_answers_well_what_can_be_learnt_and_survives_a_rare_label() -> None:
    labels = np.array([number % 2 for number in range(80)] + [2])
    texts = [f"{'refund money' if label else 'lost card'} please {number}" for number, label in enumerate(labels)]
    answers = out_of_fold_logits(texts, labels, 3, seed=0)
    assert np.mean(answers.argmax(axis=1) == labels) > 0.95
    assert np.isfinite(answers).all()


def test_texts_whose_words_never_recur_are_answered() -> None:
    labels = np.array([number % 2 for number in range(80)])
    texts = [f"{'查询余额' if label else '取消卡片'}{number:03d}号" for number, label in enumerate(labels)]
    assert np.mean(out_of_fold_logits(texts, labels, 2, seed=0).argmax(axis=1) == labels) > 0.95


def test_a_label_of_one_row_is_not_known_where_that_row_is_asked() -> None:
    answers = out_of_fold_logits([f"text {number}" for number in range(8)], np.array([0] * 7 + [1]), 2, seed=0)
    assert answers[7, 0] == 0.0


def test_one_label_alone_is_told_in_one_sentence() -> None:
    with pytest.raises(StageError, match="the same label") as caught:
        out_of_fold_logits(["a text", "one more"], np.zeros(2, dtype=np.int64), 1, seed=0)
    assert caught.value.problem.code == "L115"
    with pytest.raises(StageError, match="nothing to learn"):
        out_of_fold_logits([""] * 8, np.arange(8) % 2, 2, seed=0)
