"""Make the steps of a plan in order and turn each into a row: made, sized, and scored on the validation rows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from compactor.base.artifact import Artifact
from compactor.base.errors import StageError
from compactor.pipeline.against import hold_against
from compactor.pipeline.compressed import tell_compressed
from compactor.pipeline.controls import left_out, linear_answers, make_control, plan_controls
from compactor.pipeline.execute import Done, Session, execute
from compactor.pipeline.linear import KINDS
from compactor.pipeline.plan import Plan
from compactor.pipeline.probe import given_answers, onnx_folder, quality
from compactor.pipeline.record import Row


def make_chain(session: Session, plan: Plan, folder: Path, until: str = "") -> list[Row] | None:
    """Run every step, linking each artifact under `folder`/stages; return the rows, or None when it stopped at `until`."""
    rows: list[Row] = []
    made: dict[str, Artifact] = {}
    for number, step in enumerate(plan.steps, start=1):
        session.reporter.say(f"[{number}/{len(plan.steps)}] {step.label}: {step.state}{f' ({step.why})' if step.why else ''}")
        source, extra = made.get(step.sources.get("source", "")), made.get(step.sources.get("extra", ""))
        for further in step.beside:
            made[further.key] = execute(session, further, made[further.sources["source"]], made.get(plan.steps[0].key)).artifact
        larger = made.get(step.sources.get("larger", ""))
        done = execute(session, step, source, made.get(plan.steps[0].key), extra, larger)
        made[step.key] = done.artifact
        _link(folder / "stages" / step.label, done.artifact.folder)
        if done.artifact.kind == "dataset":
            session.datasets.append(done)
        else:
            rows.append(_row(session, done, rows))
            if any(each.stage.makes_zeros for each in plan.steps):
                before = rows[-2] if len(rows) > 1 else None
                tell_compressed(session, rows[-1], before, sparse=step.stage.makes_zeros)
            _tell(session, rows)
        if until in {step.label, step.name}:
            return None
    return rows


def make_controls(session: Session, plan: Plan, data: dict[str, Any], rows: list[Row]) -> list[Row]:
    """Make the rows outside the chain."""
    made = {row.artifact.key: row.artifact for row in rows if row.artifact is not None}
    teacher = rows[0].artifact
    assert teacher is not None
    controls: list[Row] = []
    for control in plan_controls(session, plan, data):
        session.reporter.say(f"control {control.name}: {control.steps[-1].state}")
        try:
            done = make_control(session, control, made, teacher)
        except StageError as error:
            session.finding(left_out(control, error))
            continue
        row = _row(session, done, rows[:1])
        row.id = row.control = control.name
        row.findings += [finding.as_dict() for finding in control.findings]
        controls.append(row)
    if session.profile.controls.linear and session.profile.task.label_kind in KINDS:
        controls += _linear_rows(session)
    return controls


def score_rows(session: Session, rows: list[Row], controls: list[Row]) -> None:
    """Score every row on the test split, once per graph and seed; without test data the validation figures stand."""
    split = "validation" if session.open_data().test is None else "test"
    for row in rows + controls:
        if row.artifact is not None:
            row.answers = given_answers(session, row, split)
            row.quality = quality(session, row, split, rows[0])
    hold_against(session, rows, controls)


def _row(session: Session, done: Done, before: list[Row]) -> Row:
    artifact = done.artifact
    row = Row(done.step.label, done.step.name, artifact, done.step.stage.model_dump(mode="json", exclude_unset=True))
    row.from_store = done.from_store
    row.seconds = artifact.record["seconds"]
    row.findings = list(artifact.record["findings"])
    row.parameters = parameters(artifact, before)
    if done.step.stage.beside and row.parameters is not None:
        row.parameters += next(other.parameters or 0 for other in before if other.id == done.step.stage.beside)
    if artifact.kind != "answers":
        row.onnx = before[-1].onnx if artifact.kind == "bundle" and before else onnx_folder(session, artifact)
        assert row.onnx is not None
        row.size_by_part, row.size_bytes = sizes(artifact.folder if artifact.kind == "bundle" else row.onnx)
    row.validation_quality = quality(session, row, "validation", before[0] if before else None)
    return row


def parameters(artifact: Artifact, before: list[Row]) -> int | None:
    """Return the number of parameters: what the stage counted, or the row before (export and quantization keep them all)."""
    counted = artifact.facts.get("parameters")
    if isinstance(counted, dict):
        counted = counted.get("total")
    return int(counted) if counted is not None else (before[-1].parameters if before else None)


def sizes(folder: Path) -> tuple[dict[str, int], int]:
    """Return the bytes by part and in all of what an app must ship of an ONNX folder."""
    from compactor.measuring.size import size_by_part

    parts = dict(size_by_part(folder))
    total = parts.pop("total", None)
    return parts, int(total if total is not None else sum(parts.values()))


def _linear_rows(session: Session) -> list[Row]:
    """Return the row of the linear model; none where nothing can be fitted, since no control is worth the end of a run."""
    profile, data = session.profile, session.open_data()
    control, features = "linear", "word 1-2-grams, character 2-5-grams"
    if data.train.images:
        control, features = "pixels", "grey levels of 16 x 16 pixels"
    session.reporter.say(f"control {control}: a linear model on {features}")
    given = linear_answers(session)
    if given is None:
        return []
    model = "ridge regression" if profile.task.label_kind == "number" else "logistic regression"
    row = Row(control, control, None, {"features": features, "model": model})
    row.control = control
    score = profile.task.quality
    row.validation_quality = score(given["validation"], data.validation.labels, split="validation", seed=profile.seed)
    if data.test is not None:
        row.quality = score(given["test"], data.test.labels, split="test", seed=profile.seed)
    row.answers = given["test" if data.test is not None else "validation"]
    return [row]


def _tell(session: Session, rows: list[Row]) -> None:
    row = rows[-1]
    scored = row.validation_quality
    metric, value = (scored.metric, scored.value) if scored is not None else (session.profile.task.metric, None)
    told = f"{metric} {value:.4f} on validation" if value is not None else "quality not known"
    size = f"{row.size_bytes / 1e6:.2f} MB" if row.size_bytes is not None else "size not known"
    session.reporter.say(f"      {told}, {size}, made in {row.seconds:.0f} s")
    session.reporter.event("row", id=row.id, metric=metric, validation=value, size_bytes=row.size_bytes, seconds=row.seconds)


def _link(link: Path, folder: Path) -> None:
    """Point `link` at an artifact, by a relative path so that runs and store can be moved together."""
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(folder, link.parent), target_is_directory=True)
