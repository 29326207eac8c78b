"""Estimated intervals for what could not be timed on the target: rows of a report, and artifacts that a plan finds in the store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.errors import CompactorError, StageError
from compactor.base.finding import Finding
from compactor.pipeline.probe import rule_of

if TYPE_CHECKING:
    from compactor.base.artifact import Artifact
    from compactor.pipeline.execute import Session
    from compactor.pipeline.record import Row
    from compactor.targets import Target

GRAPHS = ("onnx", "bundle")
NO_ESTIMATE = Finding(
    "M281",
    "note",
    "no time is estimated for a cascade: how often its later part runs depends on the texts",
    "run the profile on the target, or read the estimates of its parts",
)


def estimate_rows(session: Session, rows: Sequence[Row]) -> None:
    """Give each row without times an interval for every batch and length of the target, marked `estimated`.

    Each cell has `p50: None` and `interval: [shortest, longest]` in milliseconds; the cell `data` is of the median length of the
    validation texts. Rows that were timed, and targets of which nothing is known, stay as they are.
    """
    from compactor.measuring.estimate.interval import why_not

    target = session.profile.target
    waiting = [row for row in rows if row.onnx is not None and not row.timing.get("latency_ms")]
    if not waiting or why_not(target):
        return
    for row in waiting:
        assert row.onnx is not None
        if rule_of(row.onnx):
            row.findings.append(NO_ESTIMATE.as_dict())
            continue
        try:
            cells = _cells(session, target, row.onnx)
        except CompactorError as error:
            finding = Finding(
                "M254", "note", f"no time is estimated for {row.id}: {error.problem.sentence}", error.problem.hint
            )
            row.findings.append(finding.as_dict())
            continue
        row.timing = {**row.timing, "latency_ms": cells, "evidence": "estimated"}


def estimated_line(artifact: Artifact, target: Target) -> str:
    """Return a line about a finished graph for `plan`; empty when the artifact is no graph or nothing is known of the target."""
    from compactor.measuring.estimate import estimate
    from compactor.measuring.size import model_file

    if artifact.kind not in GRAPHS:
        return ""
    try:
        model, length = model_file(artifact.folder), _longest(artifact.folder, target)
        found = estimate(model, target, 1, length, table_rows=_rows(model))
    except CompactorError:
        return ""  # the step is as good as without an estimate; `run` says why there is none
    if found.interval is None:
        return ""
    low, high = found.interval
    return f"estimated: {low:.3g} to {high:.3g} ms on {target.name} (batch 1, {length} tokens; {found.basis})"


def _longest(folder: Path, target: Target) -> int:
    """Return the longest of the target's lengths that the model takes, else what it takes at most."""
    from compactor.base.atomic import read_json

    known = next((folder / name for name in ("interface.json", "manifest.json") if (folder / name).is_file()), None)
    most = read_json(known).get("max_length") if known else None
    return max((length for length in target.lengths if most is None or length <= most), default=most or 1)


def _cells(session: Session, target: Target, folder: Path) -> list[dict[str, Any]]:
    from compactor.base.atomic import read_json
    from compactor.measuring.estimate import estimate
    from compactor.pipeline.probe import encoded

    model, longest = folder / "model.onnx", read_json(folder / "interface.json").get("max_length")
    usual = int(np.median(encoded(session, folder, "validation").lengths))
    wanted: list[tuple[int, int | str | None, int]] = [(1, "data", usual)]
    if longest:
        wanted += [(batch, length, length) for batch in target.batches for length in target.lengths if length <= longest]
    else:  # of a graph without lengths
        wanted += [(batch, None, 1) for batch in target.batches]
    rows = _rows(model)
    cells = []
    for batch, name, length in wanted:
        found = estimate(model, target, batch, length, table_rows=rows)
        empty = dict.fromkeys(("p50", "p90", "p99", "mean", "n", "ci95_p50", "cpu_ms", "throughput_per_s"))
        told = found.as_dict()
        cells.append(
            {"batch": batch, "length": name, "threads": target.threads, **empty, **{k: told[k] for k in ("interval", "basis")}}
        )
    return cells


def _rows(model: Path) -> dict[str, int]:
    from google.protobuf.message import DecodeError

    from compactor.measuring.tables import table_rows

    try:
        return table_rows(model)
    except DecodeError as error:
        raise StageError("M251", f"{model} is no ONNX model", "make it again: compactor run --redo") from error
