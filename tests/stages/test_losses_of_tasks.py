"""Each task has losses of its own, and refuses those that its labels give no sense to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from compactor.distillation.losses import LOSSES, parse_losses
from compactor.stages._losses import default_losses, loss_problems
from compactor.stages.distill import Distill
from compactor.stages.prune import Prune
from compactor.tasks import TASKS

TASK_NAMES = TASKS.names()
TARGET: Any = SimpleNamespace()


@pytest.mark.parametrize("name", TASK_NAMES)
def test_the_losses_of_a_task_fit_it(name: str) -> None:
    task = TASKS.load(name)()
    losses = default_losses(task)
    assert [term.name for term in losses] == [each for each in (task.teacher_loss, task.label_loss) if each]
    assert not list(loss_problems(task, losses, ("losses",)))
    assert not list(Distill().problems(task=task, target=TARGET))
    assert not list(Prune.model_validate({"layers": 1, "recover": {}}).problems(task=task, target=TARGET))


@pytest.mark.parametrize(
    ("task", "loss"),
    [
        ("multi-label-classification", "hinton"),
        ("multi-label-classification", "cross_entropy"),
        ("multi-label-classification", "dkd"),
        ("text-regression", "hinton"),
        ("text-regression", "bernoulli"),
        ("text-classification", "bernoulli"),
        ("text-classification", "mean_squared_error"),
        ("token-classification", "binary_cross_entropy"),
    ],
)
def test_a_loss_for_other_labels_is_refused_with_its_place(task: str, loss: str) -> None:
    known = TASKS.load(task)()
    stage = Distill.model_validate({"losses": ["logit_mse", loss]})
    found = [(path, problem) for path, problem in stage.problems(task=known, target=TARGET) if problem.code == "P164"]
    assert [path for path, _ in found] == [("losses", 1)]
    assert task in found[0][1].sentence
    assert known.teacher_loss in found[0][1].hint
    recover = Prune.model_validate({"layers": 1, "recover": {"losses": [loss]}})
    assert [path for path, _ in recover.problems(task=known, target=TARGET)] == [("recover", "losses", 0)]


def test_losses_inside_the_models_fit_every_task() -> None:
    inside = [name for name in LOSSES.names() if "hidden_states" in LOSSES.load(name).needs]
    assert inside
    for name in TASK_NAMES:
        assert not list(loss_problems(TASKS.load(name)(), parse_losses(inside), ()))
