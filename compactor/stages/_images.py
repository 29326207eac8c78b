"""What makes no sense for a model that sees images, told when the profile is read; and the teacher of images made from nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from compactor.base.errors import Problem

if TYPE_CHECKING:
    from compactor.distillation.trainer import TrainSettings
    from compactor.stages._contract import Work
    from compactor.stages._teacher_settings import TeacherConfig
    from compactor.stages.prune import Prune
    from compactor.stages.teacher import Teacher
    from compactor.tasks import Task

Found = Iterator[tuple[tuple[str | int, ...], Problem]]
OF_TEXTS, OF_IMAGES = ("vocabulary", "max_positions", "init"), ("image_size", "patch")


def sees(task: Task) -> bool:
    """Whether the task's rows are images."""
    return getattr(task, "input_kind", "text") == "image"


def train_problems(task: Task, train: TrainSettings | None, path: tuple[str | int, ...]) -> Found:
    """Yield settings of a training that hide pieces of texts from a model of images."""
    if sees(task) and train is not None and train.piece_dropout:
        sentence = "piece_dropout hides pieces of a text, and images have none"
        yield (*path, "piece_dropout"), Problem("P292", sentence, "leave it out")


def prune_problems(stage: Prune, task: Task) -> Found:
    """Yield cuts of a prune that a model of images cannot have."""
    if not sees(task):
        return
    yield from train_problems(task, stage.recover, ("recover",))
    if stage.vocabulary is not None:
        yield ("vocabulary",), Problem("P292", f"vocabulary cuts pieces of text, and {task.name} has images", "leave it out")
    if stage.positions is not None:
        yield (
            ("positions",),
            Problem("P292", f"positions are those of pieces of text, and {task.name} has images", "leave it out"),
        )
    if stage.hidden is not None:
        sentence = f"hidden narrows models of texts, and {task.name} has images"
        yield ("hidden",), Problem("P292", sentence, "prune heads, intermediate and layers")


def teacher_problems(stage: Teacher, task: Task) -> Found:
    """Yield settings of a teacher that are for the other kind of rows."""
    yield from train_problems(task, stage.train, ("train",))
    if sees(task):
        for name, what in (("max_length", "cuts texts"), ("linear_teacher", "reads n-grams of texts")):
            if name in stage.model_fields_set and getattr(stage, name) is not None:
                yield (name,), Problem("P292", f"{name} {what}, and {task.name} has images", "leave it out")
    if stage.config is not None:
        yield from (((("config", *path)), problem) for path, problem in config_problems(stage.config, task))


def config_problems(config: TeacherConfig, task: Task) -> Found:
    """Yield what is wrong with the shape of a model made from nothing, whichever stage names it; paths inside the shape."""
    wanted = "vit" if sees(task) else "bert"
    if config.family != wanted:
        what = "images" if wanted == "vit" else "texts"
        yield ("family",), Problem("P293", f"{task.name} has {what}, and family is {config.family}", f"use family: {wanted}")
        return
    for name in OF_TEXTS if wanted == "vit" else OF_IMAGES:
        if name in config.model_fields_set:
            sentence = f"{name} is for {'texts' if wanted == 'vit' else 'images'}, and {task.name} has none"
            yield (name,), Problem("P292", sentence, "leave it out")
    if config.hidden % config.heads:
        sentence = f"hidden is {config.hidden}, which {config.heads} heads do not divide evenly"
        yield ("heads",), Problem("P151", sentence, "choose a number of heads that divides hidden")
    if wanted == "bert":
        return
    if config.image_size is None or config.patch is None:
        yield (), Problem("P293", "a vit needs image_size and patch", "such as {family: vit, image_size: 32, patch: 4}")
    elif config.image_size % config.patch:
        sentence = f"patches of {config.patch} do not divide images of {config.image_size} evenly"
        yield ("patch",), Problem("P293", sentence, "choose another patch or image_size")


def image_teacher(config: TeacherConfig, work: Work) -> Any:
    """Return a ViT with random weights; the settings of its processor go into the work's folder."""
    from compactor.models.fresh_images import new_image_classifier

    assert config.image_size is not None
    assert config.patch is not None
    return new_image_classifier(
        work.folder,
        work.task,
        labels=work.data.labels,
        image_size=config.image_size,
        patch=config.patch,
        layers=config.layers,
        hidden=config.hidden,
        heads=config.heads,
        intermediate=config.intermediate or 4 * config.hidden,
        dropout=config.dropout,
    )
