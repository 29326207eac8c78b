"""Settings of a ladder of students: what does not go with it, and what each rung is trained by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from compactor.base.errors import Problem
from compactor.models.students import AutoStudent, StudentSettings
from compactor.stages._student import looks_inside

if TYPE_CHECKING:
    from compactor.distillation.losses import LossTerm
    from compactor.distillation.regimes.settings import Phase
    from compactor.stages.distill import Distill

# Regimes that need a student of one known shape.
ALONE = ("mutual", "born_again", "exits")


def on_rung(stage: Distill, rung: StudentSettings) -> Distill:
    """Return the settings for one rung; one without layers, or that reads other pieces, leaves out losses that look inside the teacher."""
    if rung.layered and not rung.grows_from_named:
        return stage.model_copy(update={"student": rung})
    update: dict[str, Any] = {"student": rung}
    if "losses" in stage.model_fields_set:
        update["losses"] = _of_answers(stage.losses)
    if stage.phases:
        update["phases"] = tuple(
            phase if phase.losses is None else phase.model_copy(update={"losses": _of_answers(phase.losses)})
            for phase in stage.phases
        )
    return stage.model_copy(update=update)


def ladder_problems(
    stage: Distill, phase: Phase, losses: tuple[LossTerm, ...], before: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
    """Yield what does not go with a ladder, in one of the trainings; paths inside the stage."""
    assert isinstance(stage.student, AutoStudent)
    for name in ALONE:
        if getattr(stage, name) is not None:
            sentence = f"{name} needs a student of one shape, and family: auto tries several"
            yield (name,), Problem("P281", sentence, f"leave {name} out, or name the student's family")
    if (phase.layer_by_layer or phase.freeze is not None) and stage.student.pieceless:
        name = "layer_by_layer" if phase.layer_by_layer else "freeze"
        sentence = f"{name} needs layers, which some rungs of the ladder do not have"
        yield (*before, name), Problem("P281", sentence, "name rungs of family: transformer alone, or leave it out")
    if stage.student.pieceless and not _of_answers(losses):
        sentence = "every loss looks inside the teacher, and rungs without layers learn from answers"
        yield (*before, "losses"), Problem("P282", sentence, "add hinton, or name rungs of family: transformer alone")


def _of_answers(losses: Sequence[LossTerm]) -> tuple[LossTerm, ...]:
    return tuple(term for term in losses if not looks_inside(term))
