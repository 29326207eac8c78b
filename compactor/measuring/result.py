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
from compactor.base.hashing import hash_value
from compactor.measuring.cells import Cell
from compactor.measuring.statistics import Rounds, median_interval, percentile

RAW_SCHEMA = "compactor.raw/1"


@dataclass(frozen=True)
class Subject:
    """A model to measure.

    Attributes:
        id: its name in results and messages; unique within one measurement.
        model: the ONNX file.
        interface: content of interface.json, or empty for a graph that compactor did not make.
        shapes: for inputs whose free dimensions cannot be guessed, `{name: [1, 3, 224, 224]}`.
        tokens: size of the vocabulary, for made-up token ids when there are no samples.
        table_rows: for inputs that look rows up in a table, the number of its rows; more exact than `tokens`.
        tokenizer: its tokenizer.json, for the figure that starts from text.
        larger: of a cascade of two files, the second: `{model: Path, confidence, temperature}`. It is timed on real texts alone, since
            made-up ones say nothing about how often the second runs; its inputs are named `larger/...`.
        session: options that replace the target's for this model: `threads`, `spinning`, `arena`, `graph_level`.
    """

    id: str
    model: Path
    interface: dict[str, Any] = field(default_factory=dict)
    shapes: dict[str, list[int]] = field(default_factory=dict)
    tokens: int = 2
    table_rows: dict[str, int] = field(default_factory=dict)
    tokenizer: Path | None = None
    larger: dict[str, Any] | None = None
    session: dict[str, Any] = field(default_factory=dict)

    @property
    def max_length(self) -> int | None:
        """Tokens that it takes at most, where it says so."""
        most: int | None = self.interface.get("max_length")
        return most


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
        memory_bytes: resident memory peaks after `python`, `runtime` (onnxruntime imported), `load`; and after 200 inputs of mixed
            lengths `mixed_lengths` (resident then) and `mixed_lengths_peak`; `gpu` where nvidia-smi tells it.
        evidence: `measured`, `proxy` or None.
        noise: `{verdict, flags, numbers, cells}`, see noise.py.
        aa: the self-test of this measurement, `{subject, ratio, ci95, passed}`.
        findings: what a person should know.
        conditions: provider, threads, cores bound to, spinning, governor, versions, number of processes, nodes by
            provider, and `inputs`: what each is filled with when it is made up.
        end_to_end_ms: a row as in `latency_ms` of texts of real length, one by one, tokenized inside the time; `length` is `text`.
        throughput: texts per second of 1, 2, ... workers side by side: `{workers, texts_per_s, batch, length, cpu_ms, n}`.
        energy: `{mj_per_text, source}`, or `{mj_per_text: None, reason}`.
        scenarios: the figures in MLPerf's terms, see scenarios.py.
        cost_per_million: `{value, currency, price_per_hour, texts_per_s}` for a target with a price, else None.
        absent: why a figure above is not there, by its name.
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
    end_to_end_ms: dict[str, Any] | None = None
    throughput: list[dict[str, Any]] = field(default_factory=list)
    energy: dict[str, Any] | None = None
    scenarios: dict[str, Any] = field(default_factory=dict)
    cost_per_million: dict[str, Any] | None = None
    absent: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**asdict(self), "findings": [finding.as_dict() for finding in self.findings]}


def rounds_of(bursts: list[dict[str, Any]], *, of: Literal["wall", "cpu"] = "wall") -> Rounds:
    """Return the times of a subject's bursts in milliseconds: wall time of each run, or processor time of a run as the mean of a burst."""
    if of == "wall":
        values = [np.asarray(burst["nanoseconds"], dtype=np.float64) / 1e6 for burst in bursts]
    else:
        values = [np.array([(burst["cpu_ns"] or 0) / len(burst["nanoseconds"]) / 1e6]) for burst in bursts]
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
    cpu: list[Any] = [burst.get("cpu_ns") for burst in bursts]
    interval = median_interval(rounds, seed=seed) if row["p50"] is not None else None
    return {
        "batch": cell.batch,
        "length": cell.length,
        "threads": threads,
        **row,
        "mean": float(values.mean()),
        "n": len(values),
        "ci95_p50": list(interval) if interval else None,
        "cpu_ms": None if None in cpu else sum(cpu) / 1e6 / texts,
        "throughput_per_s": float(texts / (values.sum() / 1e3)),
        "reasons": reasons,
    }


def write_raw(
    folder: Path, subject: str, cell: Cell, threads: int, bursts: list[dict[str, Any]], pressure: float | None
) -> str:
    """Write the raw values of one subject in one cell; return the file's path relative to the parent of `folder`."""
    path = folder / f"{_file_name(subject)}-{cell.name}.json"
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


def _file_name(subject: str) -> str:
    """Return a subject's id as every disk takes it; a hash tells ids apart that differ only in what had to go, as Cyrillic ones do."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", subject)
    return safe if safe == subject else f"{safe}-{hash_value(subject)[:8]}"
