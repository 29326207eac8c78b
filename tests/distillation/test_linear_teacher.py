"""The linear second teacher does not give the training labels away."""

from __future__ import annotations

import numpy as np

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
