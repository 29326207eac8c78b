"""Losses on answers that are not softmax divergences, losses with labels, and rows that count more than others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.distillation.loss_contract import LABELS, ROWS, batch, mean, shape
from tests.distillation.losses.made import loss
from tests.distillation.losses.test_divergences import probabilities


@pytest.mark.model
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_counts_labelled_rows_only(smoothing: float) -> None:
    import torch
    from torch.nn import functional as F

    given = batch()
    given.labels[2:4] = torch.tensor([-100, -1])
    kept = given.labels >= 0
    oracle = F.cross_entropy(given.student.logits[kept], given.labels[kept], label_smoothing=smoothing)
    assert torch.allclose(mean(loss("cross_entropy", label_smoothing=smoothing), given), oracle)


@pytest.mark.model
def test_a_batch_without_any_label_is_zero() -> None:
    import torch

    for name in ("cross_entropy", "binary_cross_entropy", "mean_squared_error"):
        given = batch(loss=loss(name))
        none = torch.full_like(given.labels, float("nan") if given.labels.is_floating_point() else -1)
        total, count = loss(name)(replace(given, labels=none))
        assert total.item() == 0
        assert float(count) == 0


@pytest.mark.model
def test_logit_mse_is_torchs_and_centred_ignores_a_shift_that_softmax_does_not_see() -> None:
    import torch
    from torch.nn import functional as F

    given = batch()
    assert torch.allclose(mean(loss("logit_mse"), given), F.mse_loss(given.student.logits, given.teacher.logits))
    shifted = replace(given, student=replace(given.student, logits=given.student.logits + torch.arange(ROWS)[:, None]))
    for centred, equal in ((True, True), (False, False)):
        first, second = (mean(loss("logit_mse", centred=centred), one) for one in (given, shifted))
        assert torch.allclose(first, second, atol=1e-5) == equal
    assert "nothing" in next(iter(loss("logit_mse", centred=True).unfit(shape(labels=1), shape(labels=1))))


@pytest.mark.model
def test_bernoulli_by_enumeration_of_coins() -> None:
    from scipy.special import expit, rel_entr

    given, temperature = batch(), 2.0
    p, q = (expit(outputs.logits.detach().numpy().astype(float) / temperature) for outputs in (given.teacher, given.student))
    oracle = (rel_entr(p, q) + rel_entr(1 - p, 1 - q)).sum(axis=1).mean() * temperature**2
    assert mean(loss("bernoulli", temperature=temperature), given).item() == pytest.approx(oracle, rel=1e-5)


@pytest.mark.model
def test_bernoulli_of_one_label_is_hinton_of_two_classes() -> None:
    import torch

    given = batch()

    def of(columns: int) -> Any:
        def take(outputs: Any) -> Any:
            two = outputs.logits[:, :2]
            return replace(outputs, logits=two if columns == 2 else two[:, :1] - two[:, 1:])

        return replace(given, student=take(given.student), teacher=take(given.teacher))

    one, two = mean(loss("bernoulli", temperature=3), of(1)), mean(loss("hinton", temperature=3), of(2))
    assert torch.allclose(one, two, rtol=1e-5)


@pytest.mark.model
def test_labels_that_may_hold_together_do_not_compete() -> None:
    """Raising one logit on both sides alike must leave what is said of the others: softmax would not."""
    import torch

    given = batch()
    other = torch.zeros(LABELS).index_fill_(0, torch.tensor([0]), 3.0)
    raised = replace(
        given,
        student=replace(given.student, logits=given.student.logits + other),
        teacher=replace(given.teacher, logits=given.teacher.logits + other),
    )
    first, second = (torch.autograd.grad(mean(loss("bernoulli"), one), given.student.logits)[0] for one in (given, raised))
    assert torch.allclose(first[:, 1:], second[:, 1:], atol=1e-6)


@pytest.mark.model
def test_binary_cross_entropy_sums_over_known_labels() -> None:
    import torch
    from torch.nn import functional as F

    term = loss("binary_cross_entropy")
    given = batch(loss=term)
    oracle = F.binary_cross_entropy_with_logits(given.student.logits, given.labels) * LABELS
    assert torch.allclose(mean(term, given), oracle, rtol=1e-5)
    labels = given.labels.clone()
    labels[0, 1:], labels[1] = float("nan"), float("nan")
    total, count = term(replace(given, labels=labels))
    kept = F.binary_cross_entropy_with_logits(given.student.logits, given.labels, reduction="none")
    assert float(count) == ROWS - 1
    assert torch.allclose(total, kept[0, 0] + kept[2:].sum())


@pytest.mark.model
def test_mean_squared_error_leaves_out_what_is_not_known() -> None:
    import torch
    from torch.nn import functional as F

    term = loss("mean_squared_error")
    given = batch(loss=term)
    assert torch.allclose(mean(term, given), F.mse_loss(given.student.logits, given.labels))
    labels = given.labels.clone()
    labels[0, 1:] = float("nan")
    total, _ = term(replace(given, labels=labels))
    gaps = (given.student.logits - given.labels).square()
    assert torch.allclose(total, gaps[0, 0] + gaps[1:].mean(dim=-1).sum())
    total.backward()
    assert bool(given.student.logits.grad.isfinite().all())


@pytest.mark.model
@pytest.mark.parametrize("kind", ["teacher-confidence", "teacher-right", "student-difficulty"])
def test_rows_count_as_the_formula_says(kind: str) -> None:
    given = batch()
    given.labels[0] = -1
    p, q = probabilities(given)
    labels = np.where(given.labels >= 0, given.labels, p.argmax(axis=1))
    of_teacher, of_student = p[np.arange(ROWS), labels], q[np.arange(ROWS), labels]
    weights = {
        "teacher-confidence": p.max(axis=1),
        "teacher-right": of_teacher,
        "student-difficulty": 1 - np.exp(-np.log(of_student) / np.log(of_teacher)),
    }[kind]
    values = loss("hinton").values(given).detach().numpy()
    assert mean(loss("hinton", weight_by=kind), given).item() == pytest.approx(float((weights * values).mean()), rel=1e-4)
    assert (weights >= 0).all()
    assert (weights <= 1).all()


@pytest.mark.model
def test_the_share_anneals_the_weighting_and_no_gradient_flows_through_it() -> None:
    import torch

    annealed = loss("hinton", weight_by="student-difficulty", weight_share={"from": 1, "to": 0})
    for progress, like in ((0.0, loss("hinton", weight_by="student-difficulty")), (1.0, loss("hinton"))):
        given = batch(progress=progress)
        assert torch.allclose(mean(annealed, given), mean(like, given))
    given = batch()
    weights = torch.autograd.grad(mean(loss("hinton", weight_by="teacher-confidence"), given), given.student.logits)[0]
    rows = torch.autograd.grad(loss("hinton").values(given).sum(), given.student.logits)[0]
    confidence = given.teacher.logits.softmax(-1).amax(-1, keepdim=True)
    assert torch.allclose(weights, rows * confidence / ROWS, atol=1e-6)


@pytest.mark.model
def test_a_sure_teacher_makes_no_row_infinite() -> None:
    import torch

    given = batch()
    sure = replace(given, teacher=replace(given.teacher, logits=given.teacher.logits * 1e4))
    for kind in ("teacher-confidence", "teacher-right", "student-difficulty"):
        assert bool(torch.isfinite(mean(loss("hinton", weight_by=kind), sure)))


@pytest.mark.model
def test_cosine_is_torchs_does_not_see_lengths_and_keeps_its_digits_near_the_teacher() -> None:
    import torch
    from torch.nn import functional as F

    given = batch()
    expected = (1 - F.cosine_similarity(given.student.logits, given.teacher.logits)).mean()
    assert torch.allclose(mean(loss("cosine"), given), expected, atol=1e-6)
    longer = replace(given, student=replace(given.student, logits=3 * given.student.logits))
    assert torch.allclose(mean(loss("cosine"), longer), expected, atol=1e-6)
    turned = given.teacher.logits.detach().clone()
    turned[:, 0] += 1e-4
    close = replace(given, student=replace(given.student, logits=turned))
    exact = 1 - F.cosine_similarity(turned.double(), given.teacher.logits.double())
    assert torch.allclose(mean(loss("cosine"), close).double(), exact.mean(), rtol=1e-2)
