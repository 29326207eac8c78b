"""Divergences of softened probabilities against enumeration, scipy, torch, their limits and finite differences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tests.distillation.loss_contract import LABELS, ROWS, batch, mean
from tests.distillation.losses.made import loss

TEMPERED = ["hinton", "reverse_kl", "jensen_shannon", "skew_kl", "skew_reverse_kl", "total_variation"]


def probabilities(given: Any, temperature: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return tempered probabilities (teacher's, student's) by numpy, float64."""
    from scipy.special import softmax

    both = (outputs.logits.detach().numpy().astype(np.float64) for outputs in (given.teacher, given.student))
    teacher, student = (softmax(logits / temperature, axis=-1) for logits in both)
    return teacher, student


def kl(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean over rows of KL by scipy's elementwise function."""
    from scipy.special import rel_entr

    return float(rel_entr(first, second).sum(axis=-1).mean())


@pytest.mark.model
@pytest.mark.parametrize("temperature", [1.0, 2.0, 7.0])
def test_each_against_scipy(temperature: float) -> None:
    given = batch()
    p, q = probabilities(given, temperature)
    squared = temperature**2
    mixture = 0.3 * p + 0.7 * q
    oracle = {
        ("hinton", ()): kl(p, q) * squared,
        ("reverse_kl", ()): kl(q, p) * squared,
        ("jensen_shannon", (("beta", 0.3),)): (0.3 * kl(p, mixture) + 0.7 * kl(q, mixture)) * squared,
        ("skew_kl", (("skew", 0.1),)): kl(p, 0.1 * p + 0.9 * q) * squared,
        ("skew_reverse_kl", (("skew", 0.2),)): kl(q, 0.8 * p + 0.2 * q) * squared,
        ("total_variation", ()): float(np.abs(p - q).sum(axis=-1).mean() / 2) * temperature,
    }
    for (name, options), value in oracle.items():
        assert mean(loss(name, temperature=temperature, **dict(options)), given).item() == pytest.approx(value, rel=1e-5), name


@pytest.mark.model
@pytest.mark.parametrize("temperature", [1.0, 2.0, 7.0])
def test_hinton_is_torchs_batch_mean_divergence_times_temperature_squared(temperature: float) -> None:
    """Over the classes it is summed: torch's "mean" would divide by their number as well."""
    import torch
    from torch.nn import functional as F

    given = batch()
    student, teacher = given.student.logits / temperature, given.teacher.logits / temperature
    oracle = F.kl_div(student.log_softmax(-1), teacher.softmax(-1), reduction="batchmean") * temperature**2
    assert torch.allclose(mean(loss("hinton", temperature=temperature), given), oracle, rtol=1e-5)


@pytest.mark.model
def test_jensen_shannon_is_symmetric_at_a_half_bounded_and_tends_to_both_kls() -> None:
    given = batch()
    turned = replace(given, student=given.teacher, teacher=given.student)
    half = loss("jensen_shannon", temperature=1)
    assert mean(half, given).item() == pytest.approx(mean(half, turned).item(), rel=1e-5)
    far = replace(given, student=replace(given.student, logits=given.student.logits * 1e3))
    assert mean(half, far).item() < np.log(2) + 1e-6
    low, high = (mean(loss("jensen_shannon", temperature=1, beta=beta), given).item() for beta in (1e-4, 1 - 1e-4))
    assert low / 1e-4 == pytest.approx(mean(loss("hinton", temperature=1), given).item(), rel=1e-2)
    assert high / 1e-4 == pytest.approx(mean(loss("reverse_kl", temperature=1), given).item(), rel=1e-2)


@pytest.mark.model
def test_bounds_that_the_files_state() -> None:
    given = batch()
    far = replace(given, student=replace(given.student, logits=given.student.logits * 1e3))
    assert mean(loss("skew_kl", temperature=1, skew=0.1), far).item() <= -np.log(0.1) + 1e-5
    assert mean(loss("skew_reverse_kl", temperature=1, skew=0.1), far).item() <= -np.log(0.1) + 1e-5
    assert mean(loss("total_variation", temperature=1), far).item() <= 1 + 1e-6
    for name in ("hinton", "reverse_kl"):  # Pinsker's inequality, row by row
        for row in range(ROWS):
            one = replace(
                given,
                student=replace(given.student, logits=given.student.logits[[row]]),
                teacher=replace(given.teacher, logits=given.teacher.logits[[row]]),
            )
            distance = mean(loss("total_variation", temperature=1), one).item()
            assert distance**2 <= mean(loss(name, temperature=1), one).item() / 2 + 1e-6


@pytest.mark.model
@pytest.mark.parametrize("name", [*TEMPERED, "dkd", "bernoulli", "logit_mse"])
def test_gradients_by_finite_differences(name: str) -> None:
    import torch

    term = loss(name) if name == "logit_mse" else loss(name, temperature=3)
    given = batch(loss=term)
    teacher = replace(given.teacher, logits=given.teacher.logits.detach().double())

    def value(logits: Any) -> Any:
        return mean(term, replace(given, student=replace(given.student, logits=logits), teacher=teacher))

    assert torch.autograd.gradcheck(value, (given.student.logits.detach().double().requires_grad_(True),))


@pytest.mark.model
def test_a_high_temperature_is_half_the_mean_squared_error_of_centred_logits() -> None:
    """Hinton et al. 2015, equation 4: the gradient tends to (z - t) / C, logits centred, for each row."""
    import torch

    given = batch()
    centred = loss("logit_mse", centred=True)
    hot = mean(loss("hinton", temperature=1e3), given)
    assert hot.item() == pytest.approx(mean(centred, given).item() / 2, rel=1e-2)
    hot.backward()
    student, teacher = (
        logits.detach() - logits.detach().mean(-1, keepdim=True) for logits in (given.student.logits, given.teacher.logits)
    )
    assert torch.allclose(given.student.logits.grad, (student - teacher) / LABELS / ROWS, atol=1e-4)


@pytest.mark.model
@pytest.mark.parametrize("name", TEMPERED)
def test_the_size_of_the_gradient_holds_when_the_temperature_changes(name: str) -> None:
    """Without tau² (tau for total variation) it would shrink by 256 (by 16) from tau 1 to 16."""
    norms = []
    for temperature in (1.0, 4.0, 16.0):
        given = batch()
        mean(loss(name, temperature=temperature), given).backward()
        norms.append(float(given.student.logits.grad.norm()))
    assert max(norms) / min(norms) < 4


@pytest.mark.model
@pytest.mark.parametrize("name", TEMPERED)
def test_more_classes_of_no_weight_change_nothing(name: str) -> None:
    """A thousand classes that neither side believes in leave the loss as it was: nothing is divided by the classes."""
    import torch

    given = batch()

    def wider(outputs: Any) -> Any:
        return replace(outputs, logits=torch.cat([outputs.logits, torch.full((ROWS, 1000), -200.0)], dim=-1))

    wide = replace(given, student=wider(given.student), teacher=wider(given.teacher))
    term = loss(name, temperature=1)
    assert mean(term, wide).item() == pytest.approx(mean(term, given).item(), rel=1e-5)


@pytest.mark.model
def test_a_very_sure_teacher_and_student_stay_finite() -> None:
    """Sides that are sure of different classes: no logarithm of an underflown probability."""
    import torch

    given = batch()
    teacher, student = (torch.zeros(ROWS, LABELS).index_fill_(1, torch.tensor([at]), 500.0) for at in (0, 1))
    for name in [*TEMPERED, "dkd"]:
        sure = replace(
            given,
            student=replace(given.student, logits=student.clone().requires_grad_(True)),
            teacher=replace(given.teacher, logits=teacher),
        )
        value = mean(loss(name, temperature=1), sure)
        value.backward()
        assert bool(value.isfinite()), name
        assert bool(sure.student.logits.grad.isfinite().all()), name


@pytest.mark.model
def test_a_temperature_schedule_follows_progress() -> None:
    import torch

    scheduled = loss("hinton", temperature={"from": 8, "to": 2})
    for progress, temperature in ((0.0, 8.0), (0.5, 5.0), (1.0, 2.0)):
        given = batch(progress=progress)
        assert torch.allclose(mean(scheduled, given), mean(loss("hinton", temperature=temperature), given))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("hinton", {"temperature": 0}),
        ("hinton", {"temperature": {"from": 2, "to": 0}}),
        ("hinton", {"temperature": {"from": 2, "to": 2, "warmup": 0.1}}),
        ("jensen_shannon", {"beta": 0}),
        ("jensen_shannon", {"beta": 1}),
        ("skew_kl", {"skew": 0}),
        ("skew_reverse_kl", {"skew": 1}),
        ("hinton", {"weight_by": "teacher-right", "weight_share": 1.5}),
        ("hinton", {"weight_share": 0.5}),
        ("hinton", {"weight_by": "length"}),
    ],
)
def test_options_without_meaning_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        loss(name, **options)
