"""Decoupled distillation against its identity and an enumeration of events."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.distillation.loss_contract import LABELS, ROWS, batch, mean, shape
from tests.distillation.losses.made import loss
from tests.distillation.losses.test_divergences import probabilities


@pytest.mark.model
@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_hinton_is_the_target_part_and_the_others_times_what_is_left_to_them(temperature: float) -> None:
    """Zhao et al. 2022, equation 7: KD = TCKD + (1 - p) NCKD, row by row."""
    import torch

    given = batch()
    target, other = loss("dkd").parts(given, temperature)
    p = (given.teacher.logits / temperature).softmax(-1).gather(-1, given.labels[:, None]).squeeze(-1)
    assert torch.allclose(target + (1 - p) * other, loss("hinton", temperature=temperature).values(given), atol=2e-6)


@pytest.mark.model
def test_both_parts_by_enumeration() -> None:
    given = batch()
    p, q = probabilities(given, 2.0)
    target, other = (part.detach().numpy() for part in loss("dkd").parts(given, 2.0))
    for row, label in enumerate(given.labels.tolist()):
        binary = [np.array([values[row, label], 1 - values[row, label]]) for values in (p, q)]
        others = [np.delete(values[row], label) / (1 - values[row, label]) for values in (p, q)]
        assert target[row] == pytest.approx(4 * (binary[0] * np.log(binary[0] / binary[1])).sum(), rel=1e-4)
        assert other[row] == pytest.approx(4 * (others[0] * np.log(others[0] / others[1])).sum(), rel=1e-4)


@pytest.mark.model
def test_weights_stand_before_the_parts_and_a_row_without_label_takes_the_teachers_answer() -> None:
    import torch

    given = batch()
    target, other = loss("dkd").parts(given, 4.0)
    assert torch.allclose(mean(loss("dkd", target_weight=3, other_weight=0.5), given), (3 * target + 0.5 * other).mean())
    unlabelled = replace(given, labels=torch.full((ROWS,), -1))
    answered = replace(given, labels=given.teacher.logits.argmax(-1))
    assert torch.equal(mean(loss("dkd"), unlabelled), mean(loss("dkd"), answered))


def test_two_classes_are_refused_and_unequal_label_counts_too() -> None:
    assert "no other classes" in next(iter(loss("dkd").unfit(shape(labels=2), shape(labels=2))))
    assert list(loss("dkd").unfit(shape(), shape())) == []
    for name in ("dkd", "hinton", "logit_mse", "bernoulli"):
        told = next(iter(loss(name).unfit(shape(labels=LABELS), shape(labels=LABELS + 1))))
        assert f"answers with {LABELS} numbers, the teacher with {LABELS + 1}" in told
