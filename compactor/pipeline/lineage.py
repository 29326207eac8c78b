"""What a stage asks of the model before it, or of the teacher, that an earlier stage has taken away; told before any work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from compactor.base.errors import Problem
from compactor.pipeline.reader import DataPath, Places
from compactor.pipeline.steps import Step

if TYPE_CHECKING:
    from compactor.distillation.losses import LossTerm
    from compactor.tasks import Task

# Parts of a prune that cut layers, or what only a model with layers has.
OF_LAYERS = ("layers", "intermediate", "heads", "hidden", "positions", "aim")
INSIDE = frozenset({"hidden_states", "relations"})
ANSWERS = "use losses of answers, such as hinton and cross_entropy"


def lineage_problems(steps: Sequence[Step], task: Task, places: Places) -> Iterator[Problem]:
    """Yield each stage that needs layers of a model that has none, or compares with a teacher whose pieces were left behind."""
    bare: Step | None = None
    other_pieces: Step | None = None
    for step in steps[1:]:
        if bare is not None and (path := _needs_layers(step)) is not None:
            family = getattr(step_student(bare), "family", "")
            sentence = f"{step.name} needs layers, and the model of {bare.label} before it, a {family} student, has none"
            hint = "only its vocabulary can be pruned, and only answers can teach it"
            yield Problem("P248", sentence, hint, places.value((*step.path, *path)))
        if other_pieces is not None:
            for path, term in _inside_of_first(step.stage, task):
                sentence = f"{term.name} looks inside the teacher, whose pieces are no longer read since {other_pieces.label}"
                hint = f"{ANSWERS}, or put {other_pieces.label} after it"
                yield Problem("P249", sentence, hint, places.value((*step.path, *path)))
        student = step_student(step)
        if student is not None:
            bare = step if student.family in {"static", "conv"} else None
        if _changes_pieces(step):
            other_pieces = step


def step_student(step: Step) -> Any:
    """Return the settings of the student that a step makes; None for a step that makes none, or is somebody's own."""
    student = getattr(step.stage, "student", None)
    return student if hasattr(student, "named_model") else None


def _needs_layers(step: Step) -> DataPath | None:
    """Return which setting, inside the stage's, needs layers of the model that the stage starts from; None where none does."""
    student = step_student(step)
    if student is not None:
        rungs = getattr(student, "rungs", ()) or (student,)
        return ("student",) if any(_grows_from_layers(rung) for rung in rungs) else None
    if step.name == "prune":
        return next(((name,) for name in OF_LAYERS if getattr(step.stage, name) is not None), None)
    return () if step.name == "sparsify" else None


def _grows_from_layers(student: Any) -> bool:
    """Whether a student's first weights come from layers of the model before it; a ladder's default rungs are shaped after them."""
    if student.family in {"static", "conv"}:
        return student.init == "encoder" and student.encoder is None
    return student.named_model is None and getattr(student, "config", None) is None


def _changes_pieces(step: Step) -> bool:
    """Whether the model that a step leaves reads other pieces than the one before."""
    student = step_student(step)
    if student is not None:
        return student.vocabulary is not None or student.grows_from_named
    return step.name == "prune" and getattr(step.stage, "vocabulary", None) is not None


def _inside_of_first(stage: Any, task: Task) -> Iterator[tuple[DataPath, LossTerm]]:
    """Yield the losses of a stage that look inside the chain's first model, with the path of each inside the stage's settings."""
    from compactor.distillation.regimes.settings import FIRST

    recover: Any = getattr(stage, "recover", None)
    taught_by: Any = getattr(stage, "taught_by", None)
    if hasattr(recover, "terms"):
        yield from _inside(recover.terms(task), ("recover", "losses"))
    if taught_by is None or taught_by()[0].model != FIRST or _leaves_inside_out(stage.student):
        return
    for number, phase in enumerate(stage.lessons):
        before: DataPath = ("phases", number) if stage.phases else ()
        yield from _inside(phase.losses or stage.terms(task), (*before, "losses"))


def _leaves_inside_out(student: Any) -> bool:
    """Whether a ladder has none but rungs that are taught without the losses that look inside."""
    rungs = getattr(student, "rungs", ())
    return bool(rungs) and not any(rung.layered and not rung.grows_from_named for rung in rungs)


def _inside(terms: Sequence[LossTerm], path: DataPath) -> Iterator[tuple[DataPath, LossTerm]]:
    from compactor.distillation.losses import needs

    for number, term in enumerate(terms):
        if needs((term,)) & INSIDE:
            yield (*path, number), term
