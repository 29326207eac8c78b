"""From what was timed to what is told: a row for each cell, the verdict on noise, the self-test, the findings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.finding import Finding
from compactor.base.reporter import Reporter
from compactor.measuring.aa import self_test
from compactor.measuring.evidence import Evidence, ThisMachine
from compactor.measuring.noise import combine_noise, judge_noise, noise_finding
from compactor.measuring.result import Measured, Subject, summarise, write_raw
from compactor.measuring.rounds import Timed, Turns
from compactor.measuring.seats import Seat

if TYPE_CHECKING:
    from compactor.targets import Target


def results_of(
    subjects: Sequence[Subject],
    timed: Timed,
    target: Target | ThisMachine,
    evidence: Evidence,
    here: dict[str, Any],
    plan: Turns,
    folder: Path,
    reporter: Reporter,
) -> dict[str, Measured]:
    """Write the raw values, compute the statistics, tell the findings once, and return what was measured by subject id."""
    rows: dict[str, list[dict[str, Any]]] = {}
    noises: dict[str, dict[str, Any]] = {}
    for name in timed.bursts:
        rows[name], noises[name] = _rows(name, timed, target.threads, here["cores"], plan, folder)
    aa = self_test(timed, plan.seed)
    told = [noise_finding({subject.id: noises[subject.id] for subject in subjects}), aa.finding, _proxy_finding(evidence)]
    findings = tuple(finding for finding in told if finding is not None)
    for finding in findings:
        reporter.finding(finding)
    return {
        subject.id: _measured(
            timed.seats[subject.id], rows[subject.id], noises[subject.id], evidence, aa.record, findings, target, plan
        )
        for subject in subjects
    }


def _rows(
    name: str, timed: Timed, threads: int, cores: int, plan: Turns, folder: Path
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the rows of one subject, and the judgement of noise over its cells."""
    rows, judged = [], {}
    for cell, bursts in timed.bursts[name].items():
        pressure = timed.pressure(cell)
        row = summarise(cell, bursts, threads, plan.seed)
        row["raw"] = write_raw(folder, name, cell, threads, bursts, pressure)
        rows.append(row)
        judged[cell.name] = judge_noise(
            bursts,
            pressure=pressure,
            threads=threads,
            cores=cores,
            interval=row["ci95_p50"],
            wanted_interval=plan.interval,
        )
    return rows, combine_noise(judged)


def _measured(
    seat: Seat,
    rows: list[dict[str, Any]],
    noise: dict[str, Any],
    evidence: Evidence,
    aa: dict[str, Any],
    findings: tuple[Finding, ...],
    target: Target | ThisMachine,
    plan: Turns,
) -> Measured:
    peaks = [peak for peak in seat.peaks if peak is not None]
    return Measured(
        latency_ms=rows,
        throughput_per_s=max(row["throughput_per_s"] for row in rows),
        load_ms=float(np.median([ready["load_ms"] for ready in seat.readies])),
        first_ms=float(np.median(seat.firsts)),
        peak_memory_bytes=max(peaks) if peaks else None,
        memory_bytes=seat.readies[-1]["memory_bytes"],
        evidence=evidence.kind,
        noise=noise,
        aa=aa,
        findings=findings,
        conditions={
            "target": target.name,
            "provider": target.provider,
            "threads": target.threads,
            "spinning": target.spinning,
            "processes": plan.processes,
            **seat.readies[-1]["versions"],
        },
    )


def _proxy_finding(evidence: Evidence) -> Finding | None:
    if evidence.kind != "proxy":
        return None
    return Finding(
        "M120",
        "note",
        f"times are a proxy: {evidence.reason}",
        "measure the bundle on the device itself with `compactor bench`",
    )


def not_measured(subjects: Sequence[Subject], evidence: Evidence, reporter: Reporter) -> dict[str, Measured]:
    """Return results without figures, and tell why."""
    hint = "copy the bundle to the device and run `compactor bench` there"
    finding = Finding("M121", "warning", f"latency and memory were not measured: {evidence.reason}", hint)
    reporter.finding(finding)
    nothing = Measured(None, None, None, None, None, {}, None, None, None, (finding,), {})
    return {subject.id: nothing for subject in subjects}
