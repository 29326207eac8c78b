"""Hard-label distillation is cross-entropy with the teacher's best class, and the limit of Hinton's loss at temperature 0."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compactor.distillation.losses import Outputs, TopLogits, parse_losses
from tests.distillation.loss_contract import batch

pytestmark = pytest.mark.model


def loss(name="teacher_labels", **options):
    return parse_losses([{name: options}])[0].loss


def test_it_is_the_cross_entropy_of_torch_with_the_teachers_best_class():
    import torch

    given = batch(3)
    total, count = loss(label_smoothing=0.1)(given)
    oracle = torch.nn.CrossEntropyLoss(reduction="sum", label_smoothing=0.1)
    assert torch.equal(total, oracle(given.student.logits, given.teacher.logits.argmax(dim=1)))
    assert count == len(given.labels)


def test_rows_without_a_label_of_the_data_count_as_all_others():
    import torch

    given = batch(3)
    assert torch.equal(loss()(given)[0], loss()(replace(given, labels=torch.full_like(given.labels, -1)))[0])


def test_it_is_what_hinton_becomes_when_only_the_teacher_is_sharpened():
    import torch

    given = batch(5)
    sharp = replace(given, teacher=Outputs(given.teacher.logits.detach() * 1e4))
    torch.testing.assert_close(loss()(given)[0], loss("hinton", temperature=1)(sharp)[0])


def test_the_highest_kept_logits_suffice():
    import torch

    given = batch(3)
    values, indices = given.teacher.logits.topk(2, dim=1)
    values, indices = values.flip(1), indices.flip(1)  # in whatever order they were kept
    top = TopLogits(values, indices, torch.zeros(len(values)), 1.0)
    kept = replace(given, teacher=Outputs(torch.empty(len(values), 0), top=top))
    assert torch.equal(loss()(given)[0], loss()(kept)[0])
