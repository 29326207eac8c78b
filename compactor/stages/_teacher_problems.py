"""Settings of `teacher` that make no sense, alone or together; told before any work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from compactor.base.errors import Problem
from compactor.stages._images import teacher_problems

if TYPE_CHECKING:
    from compactor.stages.answers import Answers
    from compactor.stages.teacher import Teacher
    from compactor.tasks import Task

Found = Iterator[tuple[tuple[str | int, ...], Problem]]


def combination_problems(stage: Teacher, task: Task) -> Found:
    """Yield what is wrong with the settings of a teacher for a task: (path inside the settings, problem)."""
    if (stage.model is None) == (stage.config is None):
        what = "neither model nor config is given" if stage.model is None else "both model and config are given"
        yield (
            (),
            Problem("P150", f"teacher: {what}", "give one: model: a folder or hub id, or config: {layers: 3, hidden: 192}"),
        )
    if stage.linear_teacher is not None and stage.train is None:
        yield (
            ("linear_teacher",),
            Problem("P153", "a linear teacher is named, and nothing is trained", "add train, or leave it out"),
        )
    if stage.label_smoothing and stage.train is None:
        sentence = "labels are to be smoothed, and nothing is trained"
        yield ("label_smoothing",), Problem("P153", sentence, "add train, or leave it out")
    if stage.ensemble is not None and stage.train is None:
        sentence = "several seeds are asked for, and nothing is trained"
        yield ("ensemble",), Problem("P155", sentence, "add train, or name finished models in distill.teachers")
    if stage.soup is not None and stage.train is None:
        yield (
            ("soup",),
            Problem("P155", "several trainings are asked for, and nothing is trained", "add train, or leave soup out"),
        )
    if stage.soup is not None and stage.ensemble is not None:
        sentence = "ensemble keeps several models apart and soup makes one of them"
        yield ("soup",), Problem("P156", sentence, "choose one: soup costs students nothing more")
    yield from _label_problems(stage, task)
    yield from teacher_problems(stage, task)
    yield from length_problems(stage)
    if stage.config is not None and stage.train is None:
        yield (
            ("config",),
            Problem("P152", "a model made from nothing must be trained", "add train: {epochs: 10, learning_rate: 1.0e-3}"),
        )


def length_problems(stage: Teacher | Answers) -> Found:
    """Yield that texts shall be longer than the model that is made for them can read: they would be cut at its table in silence."""
    config = stage.config
    if config is None or config.family == "vit" or "max_length" not in stage.model_fields_set:
        return
    if stage.max_length <= config.max_positions:
        return
    sentence = f"max_length is {stage.max_length}, and config.max_positions gives a table of {config.max_positions} pieces"
    yield ("max_length",), Problem("P157", sentence, f"set config.max_positions: {stage.max_length}, or a smaller max_length")


def _label_problems(stage: Teacher, task: Task) -> Found:
    """Yield settings that this task's labels leave without meaning."""
    if stage.linear_teacher is not None and task.label_kind != "class":
        sentence = f"the linear teacher answers with one class for each text, which {task.name} does not ask for"
        yield ("linear_teacher",), Problem("P154", sentence, "leave it out")
    if stage.label_smoothing and task.label_loss != "cross_entropy":
        yield ("label_smoothing",), Problem("P154", f"{task.name} has no classes to smooth over", "leave it out")
    if stage.train is not None and task.label_loss is None:
        yield ("train",), Problem("P154", f"{task.name} has no labels to train a teacher on", "take the model as it is")
