"""Stages that cut or thin out what is inside a model's layers, after a student of a family that has none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compactor.base.errors import Problem
from compactor.pipeline.reader import Places
from compactor.pipeline.steps import Step

LAYERLESS = frozenset({"static", "conv"})
# What `prune` cuts that only models with layers have.
INSIDE = ("layers", "intermediate", "heads", "hidden", "positions", "aim")
HINT = "prune: {vocabulary: ...} is what such a student can lose; else use family: transformer"


def layerless_problems(steps: Sequence[Step], places: Places) -> Iterator[Problem]:
    """Yield each part that a prune stage cuts, and each sparsify stage, where the student before it has no layers."""
    family = ""
    for step in steps:
        student = getattr(step.stage, "student", None)
        if student is not None:
            family = str(getattr(student, "family", ""))
        if family not in LAYERLESS:
            continue
        sentence = f"a {family} student has no layers"
        if step.name == "sparsify":
            yield Problem("P295", f"{sentence} whose weights sparsify could set to zero", HINT, step.place)
        if step.name == "prune":
            for name in INSIDE:
                if getattr(step.stage, name, None) is not None:
                    yield Problem("P295", f"{sentence}, and so no {name} to prune", HINT, places.value((*step.path, name)))
