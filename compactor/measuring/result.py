"""What is measured, and what comes out: statistics computed from the raw values that lie beside them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from compactor.base.atomic import write_text
from compactor.base.finding import Finding
from compactor.measuring.feeds import Cell
from compactor.measuring.statistics import Rounds, median_interval, percentile

RAW_SCHEMA = "compactor.raw/1"


@dataclass(frozen=True)
class Subject:
    """A model to measure.

    Attributes:
        id: its name in results and messages; unique within one measurement.
        model: the ONNX file.
        interface: content of interface.json, or empty for a graph that compactor did not make; `max_length` is heeded.
        shapes: for inputs whose free dimensions cannot be guessed, `{name: [1, 3, 224, 224]}`.
        tokens: size of the vocabulary, for made-up token ids when there are no samples.
    """

    id: str
    model: Path
    interface: dict[str, Any] = field(default_factory=dict)
    shapes: dict[str, list[int]] = field(default_factory=dict)
    tokens: int = 2


@dataclass(frozen=True)
class Measured:
    """What was measured of one model; None where nothing could be, and then a finding says why.

    Attributes:
        latency_ms: one row a cell: `batch`, `length` (a number, `data` for real lengths, None), `threads`, `p50`, `p90`, `p99`, `mean`
            of one run, `n`, `ci95_p50`, `cpu_ms` (processor time per text), `throughput_per_s` (texts), `reasons` (why a
            percentile is None), `raw` (file of the raw values, relative to the parent of the raw folder).
        throughput_per_s: texts per second of one process, in its best cell.
        load_ms, first_ms: making the session, and its first answer; the medians over fresh processes.
        peak_memory_bytes: largest resident memory of a process that ran all cells.
        memory_bytes: resident memory peaks after `python`, `runtime` (onnxruntime imported), `load`.
        evidence: `measured`, `proxy` or None.
        noise: `{verdict, flags, numbers, cells}`, see noise.py.
        aa: the self-test of this measurement, `{subject, ratio, ci95, passed}`.
        findings: what a person should know.
        conditions: provider, threads, spinning, versions, number of processes.
    """

    latency_ms: list[dict[str, Any]] | None
    throughput_per_s: float | None
    load_ms: float | None
    first_ms: float | None
    peak_memory_bytes: int | None
    memory_bytes: dict[str, int | None]
    evidence: str | None
    noise: dict[str, Any] | None
    aa: dict[str, Any] | None
    findings: tuple[Finding, ...]
    conditions: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**asdict(self), "findings": [finding.as_dict() for finding in self.findings]}


def rounds_of(bursts: list[dict[str, Any]], *, of: Literal["wall", "cpu"] = "wall") -> Rounds:
    """Return the times of a subject's bursts in milliseconds: wall time of each run, or processor time of a run as the mean of a burst."""
    if of == "wall":
        values = [np.asarray(burst["nanoseconds"], dtype=np.float64) / 1e6 for burst in bursts]
    else:
        values = [np.array([burst["cpu_ns"] / len(burst["nanoseconds"]) / 1e6]) for burst in bursts]
    return Rounds(tuple(values), tuple(burst["process"] for burst in bursts))


def summarise(cell: Cell, bursts: list[dict[str, Any]], threads: int, seed: int) -> dict[str, Any]:
    """Compute one row of `latency_ms` from the raw bursts of one cell, without its `raw`."""
    rounds = rounds_of(bursts)
    values, row, reasons = rounds.all, {}, {}
    for percent in (50, 90, 99):
        row[f"p{percent}"], reason = percentile(values, percent)
        if reason:
            reasons[f"p{percent}"] = reason
    texts = len(values) * cell.batch
    interval = median_interval(rounds, seed=seed) if row["p50"] is not None else None
    return {
        "batch": cell.batch,
        "length": cell.length,
        "threads": threads,
        **row,
        "mean": float(values.mean()),
        "n": len(values),
        "ci95_p50": list(interval) if interval else None,
        "cpu_ms": sum(burst["cpu_ns"] for burst in bursts) / 1e6 / texts,
        "throughput_per_s": float(texts / (values.sum() / 1e3)),
        "reasons": reasons,
    }


def write_raw(
    folder: Path, subject: str, cell: Cell, threads: int, bursts: list[dict[str, Any]], pressure: float | None
) -> str:
    """Write the raw values of one subject in one cell; return the file's path relative to the parent of `folder`."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", subject)
    path = folder / f"{safe}-{cell.name}.json"
    record = {
        "schema": RAW_SCHEMA,
        "subject": subject,
        "batch": cell.batch,
        "length": cell.length,
        "threads": threads,
        "pressure": pressure,
        "rounds": bursts,
    }
    write_text(path, json.dumps(record, separators=(",", ":"), allow_nan=False))
    return f"{folder.name}/{path.name}"
