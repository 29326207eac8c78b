"""Rows outside the chain that tell what a gain is worth: labels alone, the teacher only quantized, a linear model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from compactor.base.artifact import Artifact
from compactor.base.settings import Settings, setting
from compactor.pipeline.execute import Done, Session, execute
from compactor.pipeline.plan import Plan, PlannedStep, plan_step
from compactor.stages import STAGES, Stage

if TYPE_CHECKING:
    import numpy as np


class Controls(Settings):
    """Which controls to make."""

    labels_only: bool = setting(True, "train the same student on the labels alone, without the teacher")
    teacher_int8: bool = setting(True, "only export and quantize the teacher, without making it smaller")
    linear: bool = setting(True, "fit an n-gram linear model (TF-IDF and logistic regression)")


@dataclass(frozen=True)
class Control:
    """One control: its name, and the steps that make it; the last one is the row."""

    name: str
    steps: tuple[PlannedStep, ...]


def plan_controls(session: Session, plan: Plan, data: dict[str, object]) -> Iterator[Control]:
    """Yield the controls that are made by stages, with their keys; those that this chain gives no sense to are left out."""
    chosen, teacher, distill = session.profile.controls, plan.step("teacher"), plan.step("distill")
    if teacher is None:
        return
    if chosen.labels_only and distill is not None:
        before = next(step for step in plan.steps if step.key == distill.sources["source"])
        yield Control(
            "labels_only", (_step(session, data, "labels only", "distill", _on_labels(distill.stage), before, teacher.key),)
        )
    quantize = plan.step("quantize")
    if chosen.teacher_int8 and quantize is not None and len(plan.steps) > 3:
        given = plan.step("export")
        export = given.stage if given else STAGES.load("export")()
        first = _step(session, data, "teacher exported", "export", export, teacher, teacher.key)
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


def _step(
    session: Session, data: dict[str, object], label: str, name: str, stage: Stage, before: PlannedStep, teacher: str
) -> PlannedStep:
    return plan_step(session.profile, session.store, data, label, name, stage, before, teacher)


def _on_labels(stage: Stage) -> Stage:
    """Return the same distill settings with cross-entropy as the only loss."""
    settings = stage.model_dump(exclude_unset=True, by_alias=True)
    return type(stage).model_validate({**settings, "losses": [{"cross_entropy": {"weight": 1.0}}]})


def linear_answers(session: Session) -> dict[str, np.ndarray]:
    """Return the decision values (n, labels) of an n-gram linear model for validation and test; fitted once and kept.

    Word 1-2-grams and in-word character 2-5-grams, TF-IDF with sublinear counts, multinomial logistic regression; untuned.
    """
    import numpy as np

    data = session.open_data()
    splits = {"validation": data.validation} | ({"test": data.test} if data.test is not None else {})

    def fit(folder: Path) -> None:
        from compactor.pipeline.linear import fit_linear

        model = fit_linear(data.train, seed=session.profile.seed)
        for name, rows in splits.items():
            np.save(folder / f"{name}.npy", model(rows))

    parts = {"train": data.train.fingerprint, "splits": {n: r.fingerprint for n, r in splits.items()}, "version": 1}
    folder = session.derive("linear model", parts, fit)
    return {name: np.load(folder / f"{name}.npy") for name in splits}
