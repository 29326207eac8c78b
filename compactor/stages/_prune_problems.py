"""Settings of `prune` that make no sense, alone or together; told before any work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from compactor.base.errors import Problem
from compactor.distillation.losses import needs
from compactor.stages._images import prune_problems

if TYPE_CHECKING:
    from compactor.stages.prune import Prune
    from compactor.tasks import Task

FEWEST_NEURONS = 8
INSIDE = frozenset({"hidden_states", "relations"})  # what losses need that holds for one vocabulary only
NARROWER = "intermediate, heads, hidden or an aim"
# What each setting is for, where it is not for every stage.
USERS = {
    "scope": "intermediate, heads or an aim",
    "normalise": "scope: global and intermediate, heads or an aim",
    "floor": "scope: global or an aim",
    "importance": NARROWER,
    "schedule": f"steps: 2 or more and {NARROWER}",
    "refit": NARROWER,
    "round_to": "a share of neurons, such as intermediate: 0.5, or an aim for them",
    "calibration": f"refit, importance: wanda or taylor, and {NARROWER}",
}
Found = tuple[tuple[str | int, ...], Problem]


def combination_problems(stage: Prune, task: Task) -> Iterator[Found]:
    """Yield what is wrong with the settings of a stage for a task: (path inside the settings, problem)."""
    if not stage.narrows and all(each is None for each in (stage.layers, stage.vocabulary, stage.positions)):
        hint = "give layers, intermediate, heads, hidden, vocabulary, positions or an aim, such as intermediate: 0.5"
        yield (), Problem("P170", "prune removes nothing: no part is named", hint)
    if isinstance(stage.intermediate, int) and stage.intermediate < FEWEST_NEURONS:
        sentence = f"intermediate keeps {stage.intermediate} neurons in each layer"
        yield (
            ("intermediate",),
            Problem("P171", sentence, "a share has a point, as in 0.5; a number of neurons is 8 or more"),
        )
    yield from prune_problems(stage, task)
    yield from _vocabulary_and_recovery(stage, task)
    yield from _widths_and_aim(stage)
    yield from _unused(stage)
    if stage.steps > 1 and not stage.narrows:
        yield (
            ("steps",),
            Problem(
                "P174", "steps cut widths, and neither a width nor an aim is named", "leave steps out, or name intermediate"
            ),
        )
    taylor = stage.importance.startswith("taylor")
    if taylor and stage.gradients == "labels" and task is not None and task.label_loss is None:
        sentence = f"{stage.importance} with gradients: labels needs labels, and the rows of {task.name} have none"
        yield ("gradients",), Problem("P175", sentence, "use gradients: teacher")
    if not taylor and stage.normalise == "none":
        sentence = (
            f"normalise: none compares layers by {stage.importance} scores as they are, which have a scale of their own in each"
        )
        yield ("normalise",), Problem("P183", sentence, "use importance: taylor, or normalise: sum or l2")
    if not taylor and stage.gradients != "labels":
        sentence = f"gradients: {stage.gradients} says nothing with importance: {stage.importance}, which has no gradients"
        yield ("gradients",), Problem("P175", sentence, "use importance: taylor, or leave gradients out")


def _vocabulary_and_recovery(stage: Prune, task: Task) -> Iterator[Found]:
    """Yield that recovery would look inside a teacher that reads other pieces, so that nothing inside stands for the same."""
    if stage.vocabulary is None or stage.recover is None:
        return
    for number, term in enumerate(stage.recover.terms(task)):
        if needs((term,)) & INSIDE:
            sentence = f"{term.name} looks inside the teacher, whose vocabulary is not the one that this stage leaves"
            yield (
                ("recover", "losses", number),
                Problem("P178", sentence, "prune the vocabulary in a prune stage after this one"),
            )


def _widths_and_aim(stage: Prune) -> Iterator[Found]:
    widths = {"intermediate": stage.intermediate, "heads": stage.heads}
    for part, value in widths.items():
        if stage.aim is not None and value is not None:
            sentence = f"{part} says how many stay, and the aim chooses how many"
            yield (part,), Problem("P173", sentence, f"leave {part} out, or the aim")
        if stage.scope == "global" and isinstance(value, tuple):
            sentence = f"{part} names a number for each layer, and global scope chooses them"
            yield (part,), Problem("P173", sentence, "give a share, or scope: local")
        if stage.scope == "global" and isinstance(value, float) and value < stage.floor:
            sentence = f"{part} keeps {value:g}, and floor leaves {stage.floor:g} in every layer"
            yield (part,), Problem("P173", sentence, "set a smaller floor, or keep more")


def _unused(stage: Prune) -> Iterator[Found]:
    """Yield each setting, not at its default, that changes nothing beside the others."""
    widths = any(each is not None for each in (stage.intermediate, stage.heads, stage.aim))
    chooses = widths and stage.scope == "global"
    among_shares = stage.intermediate is not None and (stage.scope == "global" or stage.steps > 1)
    neurons = stage.aim is not None and "intermediate" in stage.aim.parts
    used = {
        "scope": widths,
        "normalise": chooses,
        "floor": chooses or stage.aim is not None,
        "importance": stage.narrows,
        "schedule": stage.narrows and stage.steps > 1,
        "refit": stage.narrows,
        "round_to": neurons or among_shares or isinstance(stage.intermediate, float),
        "calibration": stage.narrows and (stage.refit or stage.importance not in ("magnitude", "random")),
    }
    for name, looks in used.items():
        if not looks and name in stage.key():
            sentence = f"{name} changes nothing in this stage"
            yield (name,), Problem("P179", sentence, f"use it with {USERS[name]}, or leave it out")
