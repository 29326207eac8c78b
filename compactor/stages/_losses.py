"""The losses that a task is taught with when a profile names none, and which losses make no sense for a task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from compactor.base.errors import Problem
from compactor.distillation.losses import LossTerm, parse_losses

if TYPE_CHECKING:
    from compactor.tasks import Task


def default_losses(task: Task | None = None) -> tuple[LossTerm, ...]:
    """Return mostly the teacher, a little of the labels; without a task, those of classification."""
    teacher, labels = getattr(task, "teacher_loss", "hinton"), getattr(task, "label_loss", "cross_entropy")
    tempered: dict[str, Any] = {"temperature": 2.0} if teacher == "hinton" else {}
    taught = {teacher: {**tempered, "weight": 0.9}}
    return parse_losses([taught, {labels: {"weight": 0.1}}] if labels else [taught])


def loss_problems(
    task: Task, losses: Sequence[LossTerm], path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
    """Yield losses that do not fit the task's labels."""
    kind = getattr(task, "label_kind", "class")
    for number, term in enumerate(losses):
        fit = getattr(type(term.loss), "label_kinds", None)
        if fit is not None and kind not in fit:
            sentence = f"{term.name} does not fit the labels of {task.name}"
            yield (*path, number), Problem("P164", sentence, "see docs/methods.md for what does")
