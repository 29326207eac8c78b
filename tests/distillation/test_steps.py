"""A step cut into parts is the same step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.distillation import tiny

pytestmark = pytest.mark.model

TERMS: list[Any] = [
    {"hinton": {"temperature": 3, "weight": 0.9}},
    {"cross_entropy": {"weight": 0.5}},
    {"hidden_states": {"weight": 0.1}},
]


def gradients(
    rows: Any, accumulate: int, *, terms: Any = TERMS, batch: int = 16, **settings: Any
) -> tuple[dict[str, Any], Any]:
    """Return the gradients of one step of 16 rows, and its figures."""
    import torch

    from compactor.distillation.evaluate import predict
    from compactor.distillation.losses import parse_losses
    from compactor.distillation.objective import Objective, TeacherSignal
    from compactor.distillation.processes import Crew
    from compactor.distillation.steps import Steps
    from compactor.distillation.trainer import Job, TrainSettings

    student, teacher = tiny.model(1, dropout=0.0).train(), tiny.model(2, hidden=24)
    objective = Objective(parse_losses(terms), TeacherSignal(predict(teacher, rows, threads=1), teacher), student)
    chosen = TrainSettings(accumulate=accumulate, batch_size=16, piece_dropout=0.2, **settings)
    named = dict([*student.named_parameters(), *objective.named_parameters()])
    job = Job(student, rows, objective, chosen, 0, 1, mask_id=4)
    steps = Steps(job, Crew(0, 1, 1, torch.device("cpu")), torch.optim.SGD(student.parameters()), named, 100)
    figures = steps._backward(np.random.default_rng(0).permutation(len(rows))[:batch], 3)
    return {name: value.grad for name, value in named.items() if value.grad is not None}, figures


@pytest.mark.parametrize("accumulate", [4, 16, 5])
def test_16x1_4x4_and_1x16_give_equal_gradients(tmp_path: Any, accumulate: int) -> None:
    """Lengths and missing labels differ from part to part, so that a mean of means would be another loss."""
    import torch

    rows = tiny.rows(tmp_path, unlabelled=0.4)
    whole, figures = gradients(rows, 1)
    parts, shares = gradients(rows, accumulate)
    assert torch.allclose(figures, shares, rtol=1e-5)
    assert parts.keys() == whole.keys()
    assert max(float(value.abs().max()) for value in whole.values()) > 0.1
    for name, value in whole.items():
        assert torch.allclose(parts[name], value, atol=1e-6), name


def test_a_part_without_a_label_and_a_step_with_fewer_rows_than_parts(tmp_path: Any) -> None:
    import torch

    rows = tiny.rows(tmp_path, unlabelled=0.9)
    whole, _ = gradients(rows, 1, batch=3)
    parts, figures = gradients(rows, 8, batch=3)
    assert bool(figures.isfinite().all())
    for name, value in whole.items():
        assert torch.allclose(parts[name], value, atol=1e-6), name


def test_more_parts_than_rows_are_refused_with_the_settings() -> None:
    from compactor.distillation.trainer import TrainSettings

    with pytest.raises(ValueError, match="accumulate 9 cuts 8 rows"):
        TrainSettings(batch_size=8, accumulate=9)


def test_dropout_follows_from_the_moment_and_differs_between_parts() -> None:
    import torch

    from compactor.distillation.steps import _reseed

    def draw(*moment: int) -> Any:
        _reseed(torch.device("cpu"), *moment)
        return torch.rand(20)

    assert torch.equal(draw(0, 5, 0, 0), draw(0, 5, 0, 0))
    others = [draw(1, 5, 0, 0), draw(0, 6, 0, 0), draw(0, 5, 1, 0), draw(0, 5, 0, 1)]
    assert not any(torch.equal(draw(0, 5, 0, 0), other) for other in others)


def test_images_have_no_mask_and_their_places_are_counted_all_the_same(rows: Any) -> None:
    """Counted beforehand as one place an image; the sum over all places is divided by all of them."""
    import torch

    from compactor.distillation.losses import parse_losses
    from compactor.distillation.objective import Objective, TeacherSignal

    student, teacher = tiny.model(1), tiny.model(2)
    objective = Objective(parse_losses(["hidden_states", "cross_entropy"]), TeacherSignal(None, teacher), student)
    ids, labels = torch.randint(5, 50, (8, 6)), torch.arange(8) % tiny.LABELS
    whole, parts = objective(student, {"input_ids": ids}, labels, np.arange(8), 0.0)
    counts = objective.counts(labels, torch.ones(8, 1, dtype=torch.int64), np.arange(8)).tolist()
    shares = [
        objective(student, {"input_ids": ids[cut]}, labels[cut], np.arange(8)[cut], 0.0, counts=counts)
        for cut in (slice(3), slice(3, 8))
    ]
    assert sum(total.item() for total, _ in shares) == pytest.approx(whole.item(), rel=1e-5)
    assert torch.allclose(sum(each for _, each in shares), parts, rtol=1e-5)
