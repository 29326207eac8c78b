"""Rows outside the chain that tell what a gain is worth: labels alone, the teacher only quantized, a linear model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from compactor.base.artifact import Artifact
from compactor.base.errors import StageError
from compactor.base.finding import Finding
from compactor.distillation.trainer import TrainSettings
from compactor.pipeline.execute import Done, Session, execute
from compactor.pipeline.plan import Plan, PlannedStep, plan_step
from compactor.stages import STAGES, Stage

if TYPE_CHECKING:
    import numpy as np

UNWRITABLE = frozenset({"R101", "R102"})  # of `disk_error`


@dataclass(frozen=True)
class Control:
    """One control: its name, the steps that make it, of which the last one is the row, and what a reader of the row should know."""

    name: str
    steps: tuple[PlannedStep, ...]
    findings: tuple[Finding, ...] = ()


def plan_controls(session: Session, plan: Plan, data: dict[str, object]) -> Iterator[Control]:
    """Yield the controls that are made by stages, with their keys; those that this chain gives no sense to are left out."""
    chosen, distill = session.profile.controls, plan.step("distill")
    teacher = plan.step("teacher") or plan.step("answers")
    if teacher is None:
        return
    label_loss = session.profile.task.label_loss
    if chosen.labels_only and distill is not None and label_loss is not None:
        before = next(step for step in plan.steps if step.key == distill.sources["source"])
        stage, findings = _as_long(_on_labels(_settled(session, distill), label_loss), _passes(session, distill))
        yield Control("labels_only", (_step(session, data, "labels only", "distill", stage, before, teacher.key),), findings)
    quantize = plan.step("quantize")
    if chosen.teacher_int8 and teacher.kind == "torch" and quantize is not None and len(plan.steps) > 3:
        first = _step(
            session, data, "teacher exported", "export", _export_of_teacher(plan.step("export")), teacher, teacher.key
        )
        yield Control(
            "teacher_int8", (first, _step(session, data, "teacher quantized", "quantize", quantize.stage, first, teacher.key))
        )


def make_control(session: Session, control: Control, made: dict[str, Artifact], teacher: Artifact) -> Done:
    """Run the steps of a control, from the artifacts already made (by key)."""
    done = None
    for step in control.steps:
        source = made[step.sources["source"]]
        done = execute(session, step, source, teacher)
        made[step.key] = done.artifact
    assert done is not None
    return done


def left_out(control: Control, error: StageError) -> Finding:
    """Return what is told of a control that cannot be made, as where a pattern of `keep` fits nodes of the student alone: no control is
    worth the end of a run.

    Raises:
        StageError: the error itself, when nothing can be written, so that the run cannot go on either.
    """
    if error.problem.code in UNWRITABLE:
        raise error
    sentence = f"the control {control.name} is left out: {error.problem.code}, {error.problem.sentence}"
    return Finding("A212", "warning", sentence, f"nothing, or controls: {{{control.name}: false}} to say that it is not wanted")


def _step(
    session: Session, data: dict[str, object], label: str, name: str, stage: Stage, before: PlannedStep, teacher: str
) -> PlannedStep:
    return plan_step(session.profile, session.store, data, label, name, stage, before, teacher)


def _settled(session: Session, step: PlannedStep) -> Stage:
    """Return a step's settings with what it chose for itself while it was made."""
    made = session.store.find(step.key)
    return step.stage if made is None else step.stage.settled(made.facts)


def _export_of_teacher(given: PlannedStep | None) -> Stage:
    """Return the chain's export without what only its student has: early exits."""
    if given is None:
        return STAGES.load("export")()
    return given.stage.model_copy(update={"exits": False})


def _on_labels(stage: Stage, label_loss: str) -> Stage:
    """Return the same distill settings with what learns from the labels as the only loss."""
    if isinstance(stage, _OnLabels):
        return stage.on_labels(label_loss)
    settings = stage.model_dump(exclude_unset=True, by_alias=True)
    return type(stage).model_validate({**settings, "losses": [{label_loss: {"weight": 1.0}}]})


def _passes(session: Session, distill: PlannedStep) -> float:
    """Return how many times the training rows fit into all rows that the student was trained on; 1 without rows of an augment stage."""
    made = next((done.artifact for done in session.datasets if done.step.key == distill.sources.get("extra")), None)
    rows = len(session.open_data().train)
    return 1.0 if made is None else (rows + int(made.facts["rows"])) / rows


def _as_long(stage: Stage, passes: float) -> tuple[Stage, tuple[Finding, ...]]:
    """Give a control as many steps as the student, who had more rows; its best epoch counts, since so many passes may be too many."""
    train = getattr(stage, "train", None)
    if passes == 1.0 or not isinstance(train, TrainSettings):
        return stage, ()
    longer = train.model_copy(update={"epochs": train.epochs * passes, "keep": "best"})
    sentence = (
        "trained without the rows of the augment stage, which have no labels, and for as many steps as the student:"
        f" {longer.epochs:.0f} passes over the training rows, of which the best on the validation rows counts"
    )
    note = Finding("A210", "note", sentence, "read the difference to the student as what teacher and new rows give together")
    return stage.model_copy(update={"train": longer}), (note,)


class _NothingToFitError(Exception):
    """No linear model can be fitted on the training rows."""


@runtime_checkable
class _OnLabels(Protocol):
    """A stage that knows what is left of its settings when only labels teach."""

    def on_labels(self, label_loss: str) -> Stage: ...


def linear_answers(session: Session) -> dict[str, np.ndarray] | None:
    """Return the decision values (n, labels) of an n-gram linear model for validation and test; fitted once and kept.

    None where no such model can be fitted, as on rows of one label; a finding tells why.

    Of images, of a linear model on pixels. Of texts: word 1-2-grams and in-word character 2-5-grams, TF-IDF with sublinear counts,
    logistic or ridge regression; untuned.
    """
    import numpy as np

    data = session.open_data()
    splits = {"validation": data.validation} | ({"test": data.test} if data.test is not None else {})

    def fit(folder: Path) -> None:
        from compactor.pipeline.linear import fit_linear
        from compactor.pipeline.linear_pixels import fit_linear_pixels

        fit_rows = fit_linear_pixels if data.train.images else fit_linear
        try:
            model = fit_rows(data.train, seed=session.profile.seed)
        except ValueError as error:
            raise _NothingToFitError(str(error)) from error
        for name, rows in splits.items():
            np.save(folder / f"{name}.npy", model(rows))

    parts = {"train": data.train.fingerprint, "splits": {n: r.fingerprint for n, r in splits.items()}, "version": 1}
    try:
        folder = session.derive("linear model", parts, fit)
    except _NothingToFitError as error:
        sentence = f"the linear control is left out: no linear model can be fitted on the training rows ({error})"
        session.finding(Finding("A211", "note", sentence, "nothing; look at the labels and texts if this is a surprise"))
        return None
    return {name: np.load(folder / f"{name}.npy") for name in splits}
