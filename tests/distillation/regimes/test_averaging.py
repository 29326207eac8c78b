"""Several teachers answer as one: the mean of their probabilities."""

from __future__ import annotations

import numpy as np
import pytest

ONE = [[2.0, 0.0, -1.0], [0.0, 0.0, 0.0]]
OTHER = [[-3.0, 1.0, 0.5], [4.0, -4.0, 0.0]]


@pytest.mark.model
def test_probabilities_are_averaged_with_their_weights() -> None:
    import torch

    from compactor.distillation.regimes.averaging import mean_of_answers

    one, other = torch.tensor(ONE), torch.tensor(OTHER)
    mean = mean_of_answers([one, other], [3.0, 1.0], "single_label_classification")
    expected = (3 * np.exp(ONE) / np.exp(ONE).sum(1, keepdims=True) + np.exp(OTHER) / np.exp(OTHER).sum(1, keepdims=True)) / 4
    assert torch.softmax(mean, dim=1).numpy() == pytest.approx(expected, abs=1e-6)
    assert mean.exp().sum(dim=1).numpy() == pytest.approx(1.0, abs=1e-6)
    of_logits = torch.softmax((3 * one + other) / 4, dim=1).numpy()
    assert np.abs(of_logits - expected).max() > 0.05, "the mean of logits would be another answer"


@pytest.mark.model
def test_sets_of_labels_and_numbers_have_means_of_their_own() -> None:
    import torch

    from compactor.distillation.regimes.averaging import mean_of_answers

    one, other = torch.tensor(ONE), torch.tensor(OTHER)
    labels = mean_of_answers([one, other], [1.0, 1.0], "multi_label_classification")
    assert torch.allclose(torch.sigmoid(labels), (torch.sigmoid(one) + torch.sigmoid(other)) / 2, atol=1e-6)
    assert torch.allclose(mean_of_answers([one, other], [1.0, 1.0], "regression"), (one + other) / 2)


@pytest.mark.model
def test_a_teacher_that_is_very_sure_gives_finite_answers() -> None:
    import torch

    from compactor.distillation.regimes.averaging import mean_of_answers

    sure = torch.tensor([[500.0, -500.0]])
    assert torch.isfinite(mean_of_answers([sure, sure], [1.0, 1.0], "single_label_classification")).all()
    mixed = mean_of_answers([sure, -sure], [1.0, 1.0], "single_label_classification")
    assert torch.softmax(mixed, dim=1).numpy() == pytest.approx(0.5)


@pytest.mark.model
def test_the_gradient_is_that_of_the_mean_of_the_divergences() -> None:
    import torch
    from torch.nn import functional as F

    from compactor.distillation.regimes.averaging import mean_of_answers

    teachers = [torch.tensor(ONE), torch.tensor(OTHER)]
    gradients = []
    for answers in ([mean_of_answers(teachers, [1.0, 1.0], "single_label_classification")], teachers):
        student = torch.tensor([[0.3, -0.2, 0.1], [1.0, 0.5, -1.0]], requires_grad=True)
        own = F.log_softmax(student, dim=1)
        sum(F.kl_div(own, F.log_softmax(a, dim=1), reduction="sum", log_target=True) / len(answers) for a in answers).backward()
        gradients.append(student.grad)
    assert torch.allclose(gradients[0], gradients[1], atol=1e-6)


@pytest.mark.model
def test_where_a_teacher_did_not_answer_the_mean_is_that_of_the_others() -> None:
    import torch

    from compactor.distillation.regimes.averaging import mean_of_answers

    one, other = torch.tensor([*ONE, ONE[0]]), torch.tensor([*OTHER, OTHER[0]])
    whole = mean_of_answers([one, other], [3.0, 1.0], "single_label_classification")
    one[1:], other[2] = float("nan"), float("nan")
    mean = mean_of_answers([one, other], [3.0, 1.0], "single_label_classification")
    assert torch.allclose(mean[0], whole[0])
    assert torch.allclose(mean[1], other[1].log_softmax(dim=0))
    assert mean[2].isnan().all()
