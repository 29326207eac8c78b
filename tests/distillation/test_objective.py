"""The weighted sum: right rows of the teacher, weights by progress, gradient to the student alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.distillation.losses import parse_losses
from tests.distillation import tiny

pytestmark = pytest.mark.model


def value(objective: Any, student: Any, rows: Any, numbers: np.ndarray, progress: float = 0.0) -> tuple[Any, Any]:
    import torch

    from compactor.models.feeding import feed

    batch = rows.batch(numbers)
    return objective(student, feed(student, batch), torch.from_numpy(batch["labels"]), numbers, progress)


def test_the_teachers_answers_are_those_of_the_same_rows_in_any_order(rows: Any) -> None:
    import torch

    from compactor.distillation.evaluate import predict
    from compactor.distillation.objective import Objective, TeacherSignal

    student = tiny.model(1)
    kept = predict(student, rows, threads=1)
    objective = Objective(parse_losses(["hinton"]), TeacherSignal(kept), student)
    order = np.random.default_rng(0).permutation(len(rows))
    for numbers in (order[:7], order[7:20], np.sort(order[20:31])):
        assert value(objective, student, rows, numbers)[0].item() < 1e-6
    shifted = Objective(parse_losses(["hinton"]), TeacherSignal(np.roll(kept, 1, axis=0)), student)
    with torch.no_grad():
        assert float(value(shifted, student, rows, order[:20])[0]) > 1e-4


def test_weights_follow_progress_and_parts_are_unweighted(rows: Any) -> None:
    from compactor.distillation.objective import Objective, TeacherSignal

    student, numbers = tiny.model(1), np.arange(10)
    losses = parse_losses([{"hinton": {"weight": {"from": 1.0, "to": 0.0}}}, {"cross_entropy": {"weight": 0.5}}])
    objective = Objective(losses, TeacherSignal(np.ones((len(rows), tiny.LABELS), dtype=np.float32) * [3, 0, 0]), student)
    for progress in (0.0, 0.25, 1.0):
        total, parts = value(objective, student, rows, numbers, progress)
        assert total.item() == pytest.approx((1 - progress) * float(parts[0]) + 0.5 * float(parts[1]), rel=1e-5)
    assert not parts.requires_grad


def test_a_teacher_that_runs_along_is_in_eval_and_gets_no_gradient(rows: Any) -> None:
    from compactor.distillation.objective import Objective, TeacherSignal

    student, teacher = tiny.model(1), tiny.model(2, hidden=24, heads=4)
    teacher.train()
    losses = parse_losses([{"minilm_relations": {"heads": 4}}, {"hidden_states": {"weight": 0.1}}])
    objective = Objective(losses, TeacherSignal(None, teacher), student)
    assert not teacher.training
    assert {name: tuple(matrix.shape) for name, matrix in objective.named_parameters()} == {
        "_matrices.hidden_states/projection": (24, 16)
    }
    total, _ = value(objective, student, rows, np.arange(10))
    total.backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert student.bert.encoder.layer[0].attention.self.query.weight.grad.abs().sum() > 0
    objective.train()
    assert not teacher.training


def test_the_same_model_as_its_own_teacher_has_nothing_to_learn(rows: Any) -> None:
    from compactor.distillation.objective import Objective, TeacherSignal

    student, teacher = tiny.model(1), tiny.model(1)
    losses = parse_losses([{"minilm_relations": {"heads": 2}}, "hidden_states", "hinton"])
    objective = Objective(losses, TeacherSignal(_answers(teacher, rows), teacher), student)
    assert value(objective, student, rows, np.arange(12))[0].item() < 1e-5


def _answers(model: Any, rows: Any) -> np.ndarray:
    from compactor.distillation.evaluate import predict

    return predict(model, rows, threads=1)


@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta", "electra"])
def test_losses_that_look_inside_know_the_families(rows: Any, kind: str) -> None:
    from compactor.distillation.objective import Objective, TeacherSignal

    student, teacher = tiny.model(1, layers=1, kind=kind), tiny.model(2, kind=kind)
    objective = Objective(
        parse_losses([{"minilm_relations": {"heads": 2}}, "hidden_states"]), TeacherSignal(None, teacher), student
    )
    total, parts = value(objective, student, rows, np.arange(10))
    assert bool(total.isfinite())
    assert len(parts) == 2


def test_what_cannot_apply_is_refused_before_training(rows: Any) -> None:
    from compactor.distillation.objective import Objective, TeacherSignal

    with pytest.raises(StageError, match="no teacher"):
        Objective(parse_losses(["hinton"]), None, tiny.model(1))
    with pytest.raises(StageError, match="do not divide"):
        Objective(parse_losses([{"minilm_relations": {"heads": 5}}]), TeacherSignal(None, tiny.model(2)), tiny.model(1))
