"""Kept highest logits, the rest as one more event: equal to all of them where nothing is lost, and nearly so elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.distillation.loss_contract import batch, mean
from tests.distillation.losses.made import loss
from tests.distillation.losses.test_divergences import TEMPERED

pytestmark = pytest.mark.model


def top(logits: Any, k: int, temperature: float) -> Any:
    """Keep the k highest logits of each row."""
    import torch

    from compactor.distillation.losses import TopLogits

    values, indices = logits.topk(k, dim=-1)
    rest = (logits / temperature).scatter(-1, indices, float("-inf")).logsumexp(dim=-1)
    return TopLogits(values, indices, rest, temperature) if torch.is_tensor(values) else None


def with_top(given: Any, k: int, temperature: float) -> Any:
    """Return the batch with only the teacher's highest logits."""
    kept = top(given.teacher.logits.detach(), k, temperature)
    return replace(given, teacher=replace(given.teacher, logits=given.teacher.logits[:, :0], top=kept))


@pytest.mark.parametrize("name", TEMPERED)
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_all_but_one_are_all(name: str, temperature: float) -> None:
    """With k = C - 1 the rest is the one class left: the same value and gradient."""
    import torch

    term, given = loss(name, temperature=temperature), batch()
    kept = with_top(batch(), given.student.logits.shape[1] - 1, temperature)
    values = [mean(term, one) for one in (given, kept)]
    assert torch.allclose(*values, rtol=1e-5)
    for value in values:
        value.backward()
    assert torch.allclose(given.student.logits.grad, kept.student.logits.grad, atol=1e-6)


def test_a_few_of_many_point_the_gradient_the_same_way_at_a_temperature() -> None:
    """At temperature 2, where renormalising the kept ones, or giving the others nothing, does not."""
    import torch
    from torch.nn import functional as F

    classes, k, temperature = 4000, 32, 2.0
    generator = torch.Generator().manual_seed(0)
    zipf = -1.2 * torch.log(torch.arange(1, classes + 1).float())
    teacher = torch.stack([zipf[torch.randperm(classes, generator=generator)] for _ in range(4)]) * 1.5
    student = teacher + torch.randn(4, classes, generator=generator)
    given = batch()

    def gradient(kept: Any, term: Any) -> Any:
        logits = student.clone().requires_grad_(True)
        outputs = replace(given.teacher, logits=teacher if kept is None else teacher[:, :0], top=kept)
        mean(term, replace(given, student=replace(given.student, logits=logits), teacher=outputs)).backward()
        return logits.grad.flatten()

    term = loss("hinton", temperature=temperature)
    whole, part = gradient(None, term), gradient(top(teacher, k, temperature), term)
    assert F.cosine_similarity(whole, part, dim=0) > 0.85
    # What is often done instead: the others get nothing.
    values, indices = teacher.topk(k, dim=-1)
    alone = torch.full_like(teacher, -1e4).scatter(-1, indices, values)
    logits = student.clone().requires_grad_(True)
    F.kl_div((logits / temperature).log_softmax(-1), (alone / temperature).softmax(-1), reduction="batchmean").backward()
    assert F.cosine_similarity(whole, logits.grad.flatten(), dim=0) < F.cosine_similarity(whole, part, dim=0) - 0.2


def test_the_rest_of_a_sure_teacher_is_not_lost_to_rounding() -> None:
    import torch

    teacher = torch.tensor([[30.0, 0.0, 0.0, 0.0]])
    kept = top(teacher, 2, 1.0)
    assert kept.log_rest.item() == pytest.approx(0.6931, abs=1e-4)
    student = torch.zeros(1, 4, requires_grad=True)
    given = batch()
    one = replace(
        given,
        student=replace(given.student, logits=student),
        teacher=replace(given.teacher, logits=teacher[:, :0], top=kept),
    )
    dense = replace(one, teacher=replace(given.teacher, logits=teacher))
    assert mean(loss("hinton", temperature=1), one).item() == pytest.approx(
        mean(loss("hinton", temperature=1), dense).item(), rel=1e-6
    )


def test_what_they_do_not_suffice_for_says_why() -> None:
    assert list(loss("hinton", temperature=2).unfit_for_top(2.0)) == []
    assert "temperature 2 and no other" in next(iter(loss("hinton", temperature=3).unfit_for_top(2.0)))
    assert "no other" in next(iter(loss("reverse_kl", temperature={"from": 2, "to": 1}).unfit_for_top(2.0)))
    assert "weight_by" in next(iter(loss("hinton", weight_by="teacher-right").unfit_for_top(2.0)))
    for name in ("dkd", "logit_mse", "bernoulli"):
        assert "every logit" in next(iter(loss(name).unfit_for_top(2.0)))
    for name in ("cross_entropy", "hidden_states", "minilm_relations"):
        assert list(loss(name).unfit_for_top(2.0)) == []
