"""How many layers there are after each step, as far as the teacher's configuration tells before any work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from compactor.base.errors import Problem
from compactor.models.depth import layers_of_folder
from compactor.pipeline.reader import Places
from compactor.pipeline.steps import Step


def depth_problems(steps: list[Step], near: tuple[Path, ...], places: Places) -> Iterator[Problem]:
    """Yield each stage that keeps more layers than the model before it has; what cannot be known is left to the run."""
    depth = _first(steps[0].stage, near) if steps else None
    for step in steps[1:]:
        student = getattr(step.stage, "student", None)
        inside = () if student is None else ("student",)
        holder: Any = step.stage if student is None else student
        if getattr(holder, "model", None) or getattr(holder, "config", None):
            return  # another model than the one before
        wanted = getattr(holder, "layers", None)
        if depth is None or wanted is None:
            continue
        most = wanted if isinstance(wanted, int) else max(wanted) + 1
        if most > depth:
            told = f"{wanted} layers are" if isinstance(wanted, int) else f"layer {max(wanted)} is"
            sentence = f"{step.name}: {told} wanted, and the model before it has {depth} (numbers of layers count from 0)"
            hint = f"set layers to {depth} or fewer" if isinstance(wanted, int) else f"the last one is {depth - 1}"
            yield Problem("P247", sentence, hint, places.value((*step.path, *inside, "layers")))
        depth = wanted if isinstance(wanted, int) else len(wanted)


def _first(stage: Any, near: tuple[Path, ...]) -> int | None:
    config, name = getattr(stage, "config", None), getattr(stage, "model", None)
    if config is not None:
        return int(config.layers)
    return layers_of_folder(name, near) if isinstance(name, str) else None
