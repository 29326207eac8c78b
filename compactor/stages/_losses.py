"""The losses that a task is taught with when a profile names none, and which losses make no sense for a task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from compactor.base.errors import Problem
from compactor.distillation.losses import LossTerm, parse_losses

if TYPE_CHECKING:
    from compactor.tasks import Task

# What a row of each kind of label is, for people.
KINDS = {
    "class": "one class a row",
    "classes": "any number of labels a row",
    "number": "a number a row",
    "tags": "a tag for each word",
    "vector": "embeddings, without labels",
}


def default_losses(task: Task | None = None) -> tuple[LossTerm, ...]:
    """Return mostly the teacher, a little of the labels; without a task, those of classification."""
    teacher = "hinton" if task is None else task.teacher_loss
    labels = "cross_entropy" if task is None else task.label_loss
    tempered: dict[str, Any] = {"temperature": 2.0} if teacher == "hinton" else {}
    taught = {teacher: {**tempered, "weight": 0.9}}
    return parse_losses([taught, {labels: {"weight": 0.1}}] if labels else [taught])


def loss_problems(
    task: Task, losses: Sequence[LossTerm], path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
    """Yield the losses that this task's labels give no sense to: softmax over labels that do not exclude each other, say.

    Args:
        task: what the labels are.
        losses: as they stand in the profile.
        path: of the list inside the stage's settings.
    """
    for number, term in enumerate(losses):
        kinds = type(term.loss).label_kinds
        if kinds is None or task.label_kind in kinds:
            continue
        wanted = " or ".join(KINDS[kind] for kind in sorted(kinds))
        own = ", ".join(name for name in (task.teacher_loss, task.label_loss) if name)
        sentence = f"{term.name} is for {wanted}, and {task.name} has {KINDS[task.label_kind]}"
        yield (*path, number), Problem("P164", sentence, f"use {own}, or losses that look inside the models")
