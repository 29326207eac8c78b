"""Reading of report.json, schema version 1: where it lies, and its JSON value as typed rows. What is null there stays None."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compactor.base.errors import CompactorError, MissingError
from compactor.report.rows import Cell, Interval, Report, Row, Score

SCHEMA = 1


def find_run(name: str, runs: Path) -> Path:
    """Return a run folder by path, or by name below the folder of runs."""
    for path in (Path(name), runs / name):
        if path.exists():
            return path
    raise MissingError("R120", f"there is no run {name}, neither as a path nor below {runs}", "compactor status lists the runs")


def report_file(run: Path) -> Path:
    """Return the report.json of a run folder, or raise a sentence about what is there instead."""
    path = run if run.suffix == ".json" else run / "report.json"
    if not path.is_file():
        known = (
            "the run is not finished: run its profile again"
            if (run / "plan.json").is_file()
            else "name a run folder, or a run below --runs"
        )
        raise MissingError("R120", f"there is no report at {path}", known)
    return path


def read_report(path: Path) -> Report:
    """Read a report.json.

    Raises:
        MissingError: R120, the file is not there.
        CompactorError: R121, it is no report; R122, it has another schema version.
    """
    path = report_file(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CompactorError(
            "R121", f"{path} is not readable as JSON: {error}", "run the profile again; it writes the report anew"
        ) from error
    return parse_report(value, str(path))


def parse_report(value: Any, place: str = "report.json") -> Report:
    """Turn the JSON value of a report into typed rows; raises as `read_report` does."""
    if not isinstance(value, Mapping) or "schema" not in value or not value.get("rows"):
        raise CompactorError(
            "R121", f"{place} is not a report: it has no schema and rows", "name the report.json of a finished run"
        )
    if value["schema"] != SCHEMA:
        hint = "use the version of compactor that wrote it, or run the profile again"
        raise CompactorError(
            "R122", f"{place} has schema version {value['schema']}, this compactor reads version {SCHEMA}", hint
        )
    try:
        return _report(value)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        sentence = f"{place} is not a report: its parts are not those of schema {SCHEMA} ({type(error).__name__}: {error})"
        raise CompactorError("R121", sentence, "name the report.json of a finished run") from error


def _report(value: Mapping[str, Any]) -> Report:
    budget = _mapping(value.get("budget"))
    rows = tuple(_row(row) for row in value["rows"])
    return Report(
        name=str(value.get("name") or "run"),
        task=str(value.get("task") or ""),
        target=_mapping(value.get("target")),
        environment=_mapping(value.get("environment")),
        limits=_mapping(budget.get("limits")),
        met=bool(budget.get("met", True)),
        missed=tuple(budget.get("missed") or ()),
        selected=str(value.get("selected") or rows[-1].id),
        rows=rows,
        controls=tuple(_row(row) for row in value.get("controls") or ()),
        findings=tuple(value.get("findings") or ()),
        data=_mapping(value.get("data")),
        reproduce=_mapping(value.get("reproduce")),
        finished=str(value.get("finished") or ""),
        seconds=value.get("seconds"),
        verdict=value.get("verdict"),
        source=value,
    )


def _row(value: Mapping[str, Any]) -> Row:
    return Row(
        id=str(value["id"]),
        stage=str(value.get("stage") or value["id"]),
        control=str(value.get("control") or ""),
        settings=_mapping(value.get("settings")),
        kind=_mapping(value.get("artifact")).get("kind"),
        parameters=value.get("parameters"),
        size_bytes=value.get("size_bytes"),
        size_by_part={name: int(size) for name, size in _mapping(value.get("size_by_part")).items() if size is not None},
        zlib_bytes=_mapping(value.get("compressed_bytes")).get("zlib"),
        quality=_score(value.get("quality")),
        validation_quality=_score(value.get("validation_quality")),
        cells=tuple(_cell(cell) for cell in value.get("latency_ms") or ()),
        throughput_per_s=value.get("throughput_per_s"),
        load_ms=value.get("load_ms"),
        first_ms=value.get("first_ms"),
        peak_memory_bytes=value.get("peak_memory_bytes"),
        mixed_memory_bytes=_mapping(value.get("memory_bytes")).get("mixed_lengths"),
        end_to_end=_cell(value["end_to_end_ms"]) if value.get("end_to_end_ms") else None,
        best_texts_per_s=_mapping(_mapping(value.get("scenarios")).get("offline")).get("texts_per_s"),
        energy_mj=_mapping(value.get("energy")).get("mj_per_text"),
        cost=_mapping(value.get("cost_per_million")),
        seconds=value.get("seconds"),
        from_store=bool(value.get("from_store")),
        evidence=value.get("evidence"),
        noise=_mapping(value.get("noise")),
        findings=tuple(value.get("findings") or ()),
    )


def _score(value: Mapping[str, Any] | None) -> Score | None:
    if not value or value.get("value") is None:
        return None
    return Score(
        metric=str(value.get("metric") or "quality"),
        value=float(value["value"]),
        n=value.get("n"),
        ci95=_interval(value.get("ci95")),
        split=str(value.get("split") or ""),
        others=_mapping(value.get("others")),
        agreement_with_teacher=value.get("agreement_with_teacher"),
        against=_mapping(value.get("against")),
    )


def _cell(value: Mapping[str, Any]) -> Cell:
    numbers = {name: value.get(name) for name in ("threads", "p50", "p90", "p99", "mean", "n", "cpu_ms")}
    measured, computed = _interval(value.get("ci95_p50")), _interval(value.get("interval"))
    return Cell(batch=int(value["batch"]), length=value["length"], ci95_p50=measured, interval=computed, **numbers)


def _interval(value: Any) -> Interval | None:
    return None if not value or None in value else (float(value[0]), float(value[1]))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
