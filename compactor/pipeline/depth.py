"""How many layers there are after each step, as far as the teacher's configuration tells before any work, and what names others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.errors import Problem
from compactor.models.depth import layers_of_folder
from compactor.pipeline.reader import Places
from compactor.pipeline.steps import Step

if TYPE_CHECKING:
    from compactor.tasks import Task


def depth_problems(steps: list[Step], task: Task | None, near: tuple[Path, ...], places: Places) -> Iterator[Problem]:
    """Yield each stage that keeps, or compares, more layers than there are; what cannot be known is left to the run."""
    first = depth = _first(steps[0].stage, near) if steps else None
    for step in steps[1:]:
        student = getattr(step.stage, "student", None)
        inside = () if student is None else ("student",)
        holder: Any = step.stage if student is None else student
        if getattr(holder, "model", None) or getattr(holder, "config", None):
            return  # another model than the one before
        wanted = getattr(holder, "layers", None)
        if depth is None:
            continue
        # Rungs of a ladder have depths of their own.
        of_one_depth = getattr(holder, "layered", False) and not hasattr(holder, "rungs")
        if task is not None and of_one_depth and hasattr(step.stage, "taught_by"):
            own = len(wanted) if isinstance(wanted, tuple) else wanted or depth
            yield from _compared(step, task, own, {"first": first, "previous": depth}, places)
        if wanted is None:
            continue
        most = wanted if isinstance(wanted, int) else max(wanted) + 1
        if most > depth:
            told = f"{wanted} layers are" if isinstance(wanted, int) else f"layer {max(wanted)} is"
            sentence = f"{step.name}: {told} wanted, and the model before it has {depth} (numbers of layers count from 0)"
            hint = f"set layers to {depth} or fewer" if isinstance(wanted, int) else f"the last one is {depth - 1}"
            yield Problem("P247", sentence, hint, places.value((*step.path, *inside, "layers")))
        depth = wanted if isinstance(wanted, int) else len(wanted)


def _compared(step: Step, task: Task, own: int, taught: dict[str, int | None], places: Places) -> Iterator[Problem]:
    """Yield the losses that name layers which a student of `own` layers, or its teacher, does not have."""
    from compactor.distillation.losses import Shape
    from compactor.distillation.regimes.problems import MANY_LAYERS

    stage: Any = step.stage
    teacher = taught.get(stage.taught_by()[0].model)
    if teacher is None:
        return
    shapes, enough = (Shape.of_depth(own), Shape.of_depth(teacher)), Shape.of_depth(MANY_LAYERS)
    for number, phase in enumerate(stage.lessons):
        path = (*step.path, *(("phases", number) if stage.phases else ()), "losses")
        for place, term in enumerate(phase.losses or stage.terms(task)):
            # What is wrong however many layers there are, such as widths, which are not known here, is left to the run.
            for sentence in sorted(set(term.loss.unfit(*shapes)) - set(term.loss.unfit(enough, enough))):
                told = f"{step.name}: {term.name} cannot apply: {sentence}"
                yield Problem("P250", told, "name layers that both models have", places.value((*path, place)))


def _first(stage: Any, near: tuple[Path, ...]) -> int | None:
    config, name = getattr(stage, "config", None), getattr(stage, "model", None)
    if config is not None:
        return int(config.layers)
    return layers_of_folder(name, near) if isinstance(name, str) else None
