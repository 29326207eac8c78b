"""The packaged model on the profile's further targets, and records that are added to a finished run."""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.atomic import read_json, read_mapping, write_json, write_text
from compactor.base.errors import CompactorError, MissingError
from compactor.base.finding import Finding
from compactor.base.hashing import hash_file, hash_value
from compactor.pipeline.also import Elsewhere
from compactor.pipeline.execute import Session
from compactor.pipeline.kept_times import conditions, worth_keeping
from compactor.pipeline.probe import LARGER, encoded, rule_of

if TYPE_CHECKING:
    import numpy as np

    from compactor.measuring.answers_there import Metric
    from compactor.pipeline.record import Row

FOLDER, TRACEBACK = "also", "traceback.txt"
ONE_ANSWER = frozenset({"class", "classes", "number"})  # kinds of labels of which each row has one, whatever the other rows are
TWO_FILES = Finding(
    "M282",
    "warning",
    "further targets are not measured: the packaged model is a cascade of two files, which is timed on this machine alone",
    "run the profile on the further target, or use early exits, which are one graph",
)


def measure_further_targets(
    session: Session, row: Row, run_folder: Path, *, quick: bool, anew: bool = False
) -> list[dict[str, Any]]:
    """Return a record for each further target of the profile; one that was taken of the same model, rows and machine is kept.

    A target that cannot be reached is a finding and a record without figures: the run does not fail for a board that is off.
    """
    found: list[dict[str, Any]] = []
    if row.onnx is None:
        return found
    if session.profile.also and LARGER in rule_of(row.onnx):
        session.reporter.finding(TWO_FILES)
        row.findings.append(TWO_FILES.as_dict())
        return found
    for place in session.profile.also:
        folder = run_folder / FOLDER / _safe(f"{place.target.name}-{place.via}")
        identity = _identity(session, place, row, quick)
        kept = folder / "record.json"
        before = read_mapping(kept)
        if anew or before.get("identity") != identity:
            session.reporter.say(f"measuring {row.id} on {place.target.name} via {place.via}")
            before = {"identity": identity, "record": _measure_or_tell(session, place, row, folder, quick=quick)}
            if before["record"]["evidence"] is not None and worth_keeping([before["record"]]):
                write_json(kept, before)
            elif before["record"]["evidence"] is not None:
                kept.unlink(missing_ok=True)
        found.append({**before["record"], "row": row.id})
    return found


def records_of(run_folder: Path) -> list[dict[str, Any]]:
    """Return the records of further targets that a run's report holds; none before its first report."""
    found: list[dict[str, Any]] = read_mapping(run_folder / "report.json").get("also") or []
    return found


def with_records(
    run_folder: Path, report: dict[str, Any], earlier: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Write and return the report with its further targets: the new ones, and earlier ones of graphs that the run still has."""
    rows, known = _graphs(run_folder, report), {_key(record) for record in new}
    kept = [record for record in earlier if record.get("model_sha256") in rows and _key(record) not in known]
    report = {**report, "also": [*kept, *new]}
    write_json(run_folder / "report.json", report)
    return report


def add_to_report(run_folder: Path, records: Sequence[dict[str, Any]]) -> None:
    """Add records to a finished run's report.json; one of the same target, way and row is replaced.

    Raises:
        MissingError: M227, a model is none of the run's.
    """
    report = read_json(run_folder / "report.json")
    rows = _graphs(run_folder, report)
    named = []
    for record in records:
        if record["model_sha256"] not in rows:
            raise MissingError(
                "M227", f"the model that was measured is none of {run_folder}", "measure its bundle, or a graph of its stages"
            )
        named.append({**record, "row": rows[record["model_sha256"]]})
    with_records(run_folder, report, report.get("also") or [], named)


def _key(record: dict[str, Any]) -> tuple[str, str, str]:
    return record["target"], record["via"], record["row"]


def _graphs(run_folder: Path, report: dict[str, Any]) -> dict[str, str]:
    """Return the row of each graph of a run, by the sha256 of the file; the packaged one goes by the selected row."""
    found = {}
    for row in report["rows"]:
        for model in sorted((run_folder / "stages" / row["id"]).glob("**/*.onnx")):
            found[hash_file(model)] = str(row["id"])
    for model in sorted((run_folder / "bundle" / "onnx").glob("*.onnx")):
        found[hash_file(model)] = str(report["selected"])
    return found


def _measure_or_tell(session: Session, place: Elsewhere, row: Row, folder: Path, *, quick: bool) -> dict[str, Any]:
    try:
        return _measure(session, place, row, folder, quick=quick)
    except CompactorError as error:
        return _not_measured(session, place, row, error.problem.sentence, error.problem.hint)
    except Exception as error:  # a mistake here or of the machine there must not take the finished run along: it is told
        told = f"internal error: {type(error).__name__}: {error}"
        write_text(folder / TRACEBACK, traceback.format_exc())
        return _not_measured(session, place, row, told, f"{folder.name}/{TRACEBACK} in the run's folder {FOLDER} shows where")


def _not_measured(session: Session, place: Elsewhere, row: Row, sentence: str, hint: str) -> dict[str, Any]:
    """Tell why, and return a record without figures."""
    finding = Finding(
        "M226",
        "warning",
        f"{row.id} was not measured on {place.target.name}: {sentence}",
        hint or "compactor targets says what can be measured from here",
    )
    session.reporter.finding(finding)
    nothing = dict.fromkeys(("throughput_per_s", "load_ms", "first_ms", "peak_memory_bytes", "evidence", "noise", "answers"))
    about = {"target": place.target.name, "title": place.target.title, "via": place.via, "place": place.via}
    return {**about, **nothing, "latency_ms": [], "reason": sentence, "findings": [finding.as_dict()]}


def _measure(session: Session, place: Elsewhere, row: Row, folder: Path, *, quick: bool) -> dict[str, Any]:
    """Measure the bundle's graph with the golden inputs and validation texts."""
    from compactor.measuring.elsewhere import measure_elsewhere
    from compactor.measuring.feeds import choose_rows, real_feeds
    from compactor.measuring.latency import Subject
    from compactor.measuring.runners import open_runner
    from compactor.measuring.size import model_file

    assert row.onnx is not None
    interface, texts = read_json(row.onnx / "interface.json"), encoded(session, row.onnx, "validation")
    chosen = choose_rows(texts.lengths, seed=session.profile.seed)
    model = row.artifact.folder if row.artifact is not None and row.artifact.kind == "bundle" else row.onnx
    return measure_elsewhere(
        Subject(row.id, model_file(model), interface),
        place.target,
        open_runner(place.via, place.target),
        via=place.via,
        folder_for_raw=folder / "raw",
        reporter=session.reporter,
        samples=real_feeds(texts, chosen, interface),
        metric=_metric(session, chosen),
        quick=quick,
        seed=session.profile.seed,
    )


def _metric(session: Session, chosen: np.ndarray) -> tuple[str, Metric] | None:
    """Return the task's figure on some of the chosen validation rows; None where a row has not one answer of its own.

    Tags are many answers a row, and an embedding is judged beside the one of its pair, which is seldom chosen too.
    """
    task, data = session.profile.task, session.open_data()
    if task.label_kind not in ONE_ANSWER:
        return None
    labels, names = data.validation.labels, tuple(data.labels)

    def figure(outputs: np.ndarray, rows: Sequence[int]) -> float:
        return task.value(outputs, labels[chosen[list(rows)]], names=names)

    return task.metric, figure


def _identity(session: Session, place: Elsewhere, row: Row, quick: bool) -> str:
    assert row.onnx is not None
    return hash_value(
        {
            "graph": hash_file(row.onnx / "model.onnx") if (row.onnx / "model.onnx").is_file() else row.id,
            "via": place.via,
            **conditions(session, place.target, quick=quick),
            "target": place.target.model_dump(mode="json"),
        }
    )


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-")
