"""What a step may know of the way after it: the budget, and the stages that carry its model to the bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compactor.stages import Ahead

if TYPE_CHECKING:
    from compactor.pipeline.profile import Profile

CARRYING = frozenset({"export", "quantize"})
# What may end the way: with it, the model that was carried so far is what the app gets.
ENDING = frozenset({"package", "cascade"})


def ahead_of(profile: Profile, label: str) -> Ahead:
    """Return the budget, and the export and quantize stages right after a step.

    No stages where another one comes first, such as prune: what it will make of a model cannot be seen from here.
    """
    labels = [step.label for step in profile.steps]
    later = profile.steps[labels.index(label) + 1 :] if label in labels else ()
    carrying = []
    for step in later:
        if step.name in CARRYING:
            carrying.append((step.name, step.stage))
        elif step.name in ENDING:
            break
        else:
            carrying = []
            break
    limits = {name: float(value) for name, value in profile.budget.model_dump().items() if value is not None}
    return Ahead(limits, tuple(carrying))
