"""What a run leaves for people: report.json and the bundle with its measured figures."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.artifact import MANIFEST
from compactor.base.atomic import fresh_folder, write_json
from compactor.pipeline.answers_table import write_answers
from compactor.pipeline.budget import judge
from compactor.pipeline.by_label import by_label
from compactor.pipeline.execute import Done, Session
from compactor.pipeline.record import SCHEMA, Row

if TYPE_CHECKING:
    from compactor.data import Data, Rows
    from compactor.pipeline.profile import Profile


def publish(
    session: Session,
    rows: list[Row],
    controls: list[Row],
    folder: Path,
    environment: dict[str, Any],
    command: str,
    seconds: float,
) -> dict[str, Any]:
    """Write report.json, answers.csv and bundle/ into the run folder; return the report."""
    report = make_report(session, rows, controls, environment, command, seconds)
    bundle = next((row for row in reversed(rows) if row.artifact is not None and row.artifact.kind == "bundle"), None)
    if bundle is not None and bundle.artifact is not None:
        _copy_bundle(bundle.artifact.folder, folder / "bundle", report)
    data, task = session.open_data(), session.profile.task
    write_answers(folder, [*rows, *controls], scored_split(data).labels, data.labels, task.label_kind)
    write_json(folder / "report.json", report)
    return report


def make_report(
    session: Session, rows: list[Row], controls: list[Row], environment: dict[str, Any], command: str, seconds: float
) -> dict[str, Any]:
    """Return the record of a run (schema version 1). The selected row is the last of the chain: the one that is packaged."""
    profile = session.profile
    made = [row.as_dict() for row in rows]
    selected = made[-1]
    evidence = next((row["evidence"] for row in made if row["evidence"]), None)
    data = session.open_data()
    return {
        "schema": SCHEMA,
        "name": profile.name,
        "task": profile.task.name,
        "target": {"name": profile.target.name, "title": profile.target.title, "evidence": evidence},
        "environment": environment,
        "budget": judge(profile.budget, selected, made[0]),
        "selected": selected["id"],
        "rows": made,
        "controls": [row.as_dict() for row in controls],
        "by_label": by_label(rows[0], rows[-1], scored_split(data).labels, data.labels, profile.task.label_kind),
        "datasets": [dataset_dict(done) for done in session.datasets],
        "findings": _findings(session, data),
        "data": {
            "labels": len(data.labels),
            "rows": {"train": len(data.train), "validation": len(data.validation), "test": len(data.test) if data.test else 0},
        },
        "reproduce": _reproduce(profile, data, command),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
    }


def scored_split(data: Data) -> Rows:
    """Return the rows that the figures of the report are of."""
    return data.test if data.test is not None else data.validation


def _findings(session: Session, data: Data) -> list[dict[str, Any]]:
    """Return what was found in the data, in the run as a whole, and in what augment stages made of the data."""
    found = [finding.as_dict() for finding in [*data.findings, *session.findings]]
    for done in session.datasets:
        found += [{**finding, "place": done.step.label} for finding in done.artifact.record["findings"]]
    return found


def _reproduce(profile: Profile, data: Data, command: str) -> dict[str, Any]:
    """Return what somebody needs to make the run again."""
    return {
        "command": command,
        "overrides": list(profile.overrides),
        "seed": profile.seed,
        "data": {
            "train": data.train.fingerprint,
            "validation": data.validation.fingerprint,
            "test": data.test.fingerprint if data.test else None,
        },
        "profile": profile.text,
    }


def dataset_dict(done: Done) -> dict[str, Any]:
    """Return the record of rows that a stage made beside the chain; they have no quality, size or latency of their own."""
    artifact = done.artifact
    return {
        "id": done.step.label,
        "stage": done.step.name,
        "settings": done.step.stage.model_dump(mode="json", exclude_unset=True),
        "artifact": {"key": artifact.key, "kind": artifact.kind, "path": f"stages/{done.step.label}"},
        "size_bytes": sum(entry["size_bytes"] for entry in artifact.record["files"].values()),
        "seconds": artifact.record["seconds"],
        "from_store": done.from_store,
        "findings": artifact.record["findings"],
        "facts": artifact.facts,
    }


def _copy_bundle(source: Path, target: Path, report: dict[str, Any]) -> None:
    """Copy the packaged model out of the store and write the measured figures beside its hashed files."""
    from compactor.bundle.card import write_card, write_measured

    with fresh_folder(target) as folder:
        shutil.copytree(source, folder, dirs_exist_ok=True)
        (folder / MANIFEST).unlink()
        write_measured(folder, report)
        write_card(folder, report)
