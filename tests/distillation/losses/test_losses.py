"""Every loss against an oracle, and through the contract of all losses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from compactor.distillation.losses import LOSSES
from tests.distillation import loss_contract
from tests.distillation.loss_contract import LABELS, ROWS, batch, mean


def loss(name: str, **options: Any) -> Any:
    return LOSSES.load(name).model_validate(options)


@pytest.mark.model
@pytest.mark.parametrize("name", LOSSES.names())
def test_every_loss_keeps_the_contract(name: str) -> None:
    loss_contract.check(loss(name))


@pytest.mark.model
@pytest.mark.parametrize("temperature", [1.0, 2.0, 7.0])
def test_hinton_is_the_batch_mean_divergence_times_temperature_squared(temperature: float) -> None:
    import torch
    from torch.nn import functional as F

    given = batch()
    student, teacher = given.student.logits / temperature, given.teacher.logits / temperature
    oracle = F.kl_div(student.log_softmax(-1), teacher.softmax(-1), reduction="batchmean") * temperature**2
    assert torch.allclose(mean(loss("hinton", temperature=temperature), given), oracle, rtol=1e-5)


@pytest.mark.model
def test_the_gradient_of_hinton_by_finite_differences() -> None:
    import torch

    given = batch()
    term, point, teacher = (
        loss("hinton", temperature=3),
        given.student.logits.detach().double(),
        given.teacher.logits.detach().double(),
    )

    def value(logits: Any) -> Any:
        return mean(
            term, replace(given, student=replace(given.student, logits=logits), teacher=replace(given.teacher, logits=teacher))
        )

    assert torch.autograd.gradcheck(value, (point.requires_grad_(True),))


@pytest.mark.model
def test_a_high_temperature_is_the_error_of_centred_logits() -> None:
    """Hinton et al. 2015, equation 4: the gradient tends to (z - t) / C, logits centred, for each row."""
    import torch

    given = batch()
    mean(loss("hinton", temperature=1e3), given).backward()
    student, teacher = (
        logits.detach() - logits.detach().mean(-1, keepdim=True) for logits in (given.student.logits, given.teacher.logits)
    )
    assert torch.allclose(given.student.logits.grad, (student - teacher) / LABELS / ROWS, atol=1e-4)


@pytest.mark.model
def test_the_size_of_the_gradient_holds_when_the_temperature_changes() -> None:
    norms = []
    for temperature in (1.0, 4.0, 16.0):
        given = batch()
        mean(loss("hinton", temperature=temperature), given).backward()
        norms.append(float(given.student.logits.grad.norm()))
    assert max(norms) / min(norms) < 3  # without the factor it would be 256


@pytest.mark.model
def test_a_temperature_schedule_follows_progress() -> None:
    import torch

    scheduled = loss("hinton", temperature={"from": 8, "to": 2})
    for progress, temperature in ((0.0, 8.0), (0.5, 5.0), (1.0, 2.0)):
        given = batch(progress=progress)
        assert torch.allclose(mean(scheduled, given), mean(loss("hinton", temperature=temperature), given))


@pytest.mark.model
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_counts_labelled_rows_only(smoothing: float) -> None:
    import torch
    from torch.nn import functional as F

    given = batch()
    given.labels[2:4] = -100
    kept = given.labels >= 0
    oracle = F.cross_entropy(given.student.logits[kept], given.labels[kept], label_smoothing=smoothing)
    assert torch.allclose(mean(loss("cross_entropy", label_smoothing=smoothing), given), oracle)


@pytest.mark.model
def test_hidden_states_are_the_plain_mean_squared_error_of_each_pair() -> None:
    import torch
    from torch.nn import functional as F

    given = batch()
    pairs = zip(given.student.hidden_states[1:], given.teacher.hidden_states[1:], strict=True)
    oracle = torch.stack([F.mse_loss(own, taught) for own, taught in pairs]).mean()
    assert torch.allclose(mean(loss("hidden_states"), given), oracle, rtol=1e-5)


@pytest.mark.model
def test_hidden_states_of_another_width_are_projected() -> None:
    import torch

    from compactor.distillation.losses import Shape

    term, given = loss("hidden_states", layers="last"), batch(student_width=16)
    wanted = term.parameters(Shape(2, 16, (16, 16)), Shape(2, 24, (24, 24)))
    assert wanted == {"projection": (24, 16)}
    matrix = torch.linalg.lstsq(
        given.student.hidden_states[-1].reshape(-1, 16), given.teacher.hidden_states[-1].reshape(-1, 24)
    ).solution.T
    fitted = mean(term, replace(given, parameters={"projection": matrix}))
    random = mean(term, replace(given, parameters={"projection": torch.randn(24, 16)}))
    assert float(fitted) < float(random)


def test_hidden_states_pair_layers_evenly_and_the_last_with_the_last() -> None:
    assert loss("hidden_states").pairs(3, 6) == [(1, 2), (2, 4), (3, 6)]
    assert loss("hidden_states", layers="last").pairs(3, 12) == [(3, 12)]
    assert loss("hidden_states", embeddings=True).pairs(2, 12) == [(0, 0), (1, 6), (2, 12)]


@pytest.mark.model
def test_relations_by_a_loop_over_heads_and_rows() -> None:
    import torch

    given, heads, padded = batch(student_width=16, padded=2), 4, 2
    total, count = 0.0, 0
    for row in range(ROWS):
        for own, taught in zip(given.student.relations[-1], given.teacher.relations[-1], strict=True):
            for head in range(heads):
                logs = []
                for vectors in (own, taught):
                    size = vectors.shape[-1] // heads
                    mine = vectors[row, :-padded, head * size : (head + 1) * size]
                    logs.append((mine @ mine.T / size**0.5).log_softmax(-1))
                total += float((logs[1].exp() * (logs[1] - logs[0])).sum()) / heads / 3
        count += given.mask.shape[1] - padded
    assert float(mean(loss("minilm_relations", heads=heads), given)) == pytest.approx(total / count, rel=1e-4)
    del torch


def test_relations_that_cannot_apply_say_why() -> None:
    from compactor.distillation.losses import Shape

    teacher = Shape(6, 384, (384,) * 6)
    assert list(loss("minilm_relations", heads=12).unfit(Shape(3, 384, (384,) * 3), teacher)) == []
    told = list(loss("minilm_relations", heads=12, student_layer=3).unfit(Shape(3, 200, (200,) * 3), teacher))
    assert told == ["student_layer is 3, the student has 3 layers"]
    assert "do not divide the student's inner width 200" in next(
        iter(loss("minilm_relations").unfit(Shape(3, 200, (200,) * 3), teacher))
    )
