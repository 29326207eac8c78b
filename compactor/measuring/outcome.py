"""From what was timed to what is told: a row for each cell, the verdict on noise, the self-test, the findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.finding import Finding
from compactor.base.reporter import Reporter
from compactor.measuring import findings as told
from compactor.measuring.aa import self_test
from compactor.measuring.cells import DATA, TEXT, Cell
from compactor.measuring.cost import cost_record, highest_rate
from compactor.measuring.evidence import Evidence, ThisMachine
from compactor.measuring.made_up import how_filled, with_sizes
from compactor.measuring.noise import combine_noise, judge_noise
from compactor.measuring.result import Measured, Subject, rounds_of, summarise, write_raw
from compactor.measuring.rounds import Timed, Turns
from compactor.measuring.runner import Runner
from compactor.measuring.scenarios import scenarios_of
from compactor.measuring.seats import Seat
from compactor.measuring.throughput import NO_COUNTER

if TYPE_CHECKING:
    from compactor.targets import Target

CPU = "CPUExecutionProvider"


@dataclass(frozen=True)
class Measurement:
    """All that the results of one measurement are made from."""

    timed: Timed
    target: Target | ThisMachine
    evidence: Evidence
    here: dict[str, Any]
    plan: Turns
    folder: Path


@dataclass(frozen=True)
class Judged:
    """One subject: its rows by cell, and the verdict. Rows of a throttled cell are left out: such a time is no figure."""

    rows: dict[Cell, dict[str, Any]]
    noise: dict[str, Any]


def results_of(
    subjects: Sequence[Subject],
    timed: Timed,
    target: Target | ThisMachine,
    runner: Runner,
    plan: Turns,
    folder: Path,
    reporter: Reporter,
) -> dict[str, Measured]:
    """Write the raw values, compute the statistics, tell the findings once, and return what was measured by subject id."""
    everything = Measurement(timed, target, runner.evidence(target), runner.machine(), plan, folder)
    judged = {name: _judge(name, everything) for name in timed.bursts}
    aa = self_test(timed, plan.seed)
    noises = {subject.id: judged[subject.id].noise for subject in subjects}
    found = (*_findings(everything, noises), *([aa.finding] if aa.finding else []))
    for finding in found:
        reporter.finding(finding)
    return {subject.id: _measured(subject.id, judged[subject.id], everything, aa.record, found) for subject in subjects}


def _judge(name: str, everything: Measurement) -> Judged:
    """Return the rows of one subject, and the judgement of noise over its cells."""
    timed, target, plan = everything.timed, everything.target, everything.plan
    threads = timed.seats[name].threads or target.threads
    rows, judged = {}, {}
    for cell, bursts in timed.bursts[name].items():
        pressure = timed.pressure(cell)
        row = summarise(cell, bursts, threads, plan.seed)
        row["raw"] = write_raw(everything.folder, name, cell, threads, bursts, pressure)
        judged[cell.name] = judge_noise(
            bursts,
            pressure=pressure,
            others=timed.others(cell),
            threads=threads,
            interval=row["ci95_p50"],
            wanted_interval=plan.interval,
            on_cpu=target.provider == CPU,
        )
        if "throttled" not in judged[cell.name]["flags"]:
            rows[cell] = row
    return Judged(rows, combine_noise(judged))


def _findings(everything: Measurement, noises: dict[str, dict[str, Any]]) -> list[Finding]:
    seats, target = everything.timed.seats, everything.target
    threads = max([target.threads, *(seats[name].threads or 0 for name in noises)])
    found = [
        told.noise_finding(noises),
        told.throttled_finding(noises),
        told.quota_finding(everything.here, threads),
        told.governor_finding(noises, everything.here.get("governor")),
        told.proxy_finding(everything.evidence),
        told.memory_finding({name: _peak(seats[name]) for name in noises}, target.name, getattr(target, "memory_mb", None)),
        *(told.cpu_nodes_finding(name, target.provider, seats[name].readies[-1].get("assignment")) for name in noises),
    ]
    return [finding for finding in found if finding is not None]


def _measured(name: str, judged: Judged, everything: Measurement, aa: dict[str, Any], found: tuple[Finding, ...]) -> Measured:
    seat, evidence = everything.timed.seats[name], everything.evidence.kind
    absent = dict(seat.absent)
    rows = [row for cell, row in judged.rows.items() if cell.length != TEXT]
    floods = everything.timed.floods.get(name, [])
    throughput = floods if isinstance(floods, list) and rows else []
    if not throughput:
        absent["throughput"] = floods if isinstance(floods, str) else "it was not asked for"
    cost, absent["cost_per_million"] = cost_record(everything.target, evidence, highest_rate(rows, throughput))
    memory = _memory(seat)
    bursts = everything.timed.bursts[name]
    times = {cell: rounds_of(bursts[cell]).all for cell in judged.rows}
    if not rows:
        absent["latency_ms"] = "the processor throttled"
    return Measured(
        latency_ms=rows or None,
        throughput_per_s=max((row["throughput_per_s"] for row in rows), default=None),
        load_ms=float(np.median([ready["load_ms"] for ready in seat.readies])) if rows else None,
        first_ms=float(np.median(seat.firsts)) if rows else None,
        peak_memory_bytes=_peak(seat),
        memory_bytes=memory,
        evidence=evidence,
        noise=judged.noise,
        aa=aa,
        findings=found,
        conditions=_conditions(seat, everything),
        end_to_end_ms=judged.rows.get(Cell(1, TEXT)),
        throughput=[{key: value for key, value in row.items() if key != "energy"} for row in throughput],
        energy=next((row["energy"] for row in throughput if row["energy"]), {"mj_per_text": None, "reason": NO_COUNTER})
        if throughput
        else None,
        scenarios=scenarios_of(times, throughput, memory.get("mixed_lengths")),
        cost_per_million=cost,
        absent={figure: reason for figure, reason in absent.items() if reason},
    )


def _peak(seat: Seat) -> int | None:
    """Return the largest resident memory of the processes that ran all cells, in bytes."""
    return max((look["peak_memory_bytes"] for look in seat.looks if look["peak_memory_bytes"]), default=None)


def _memory(seat: Seat) -> dict[str, int | None]:
    """Return the memory figures of a subject, in bytes, by when they were read."""
    memory: dict[str, int | None] = dict(seat.readies[-1].get("memory_bytes") or {})
    if seat.mixed is not None:
        memory["mixed_lengths"] = seat.mixed["resident_memory_bytes"]
        memory["mixed_lengths_peak"] = seat.mixed["peak_memory_bytes"]
    on_gpu = [look.get("gpu_memory_bytes") for look in seat.looks]
    if on_gpu and on_gpu[-1] is not None:
        memory["gpu"] = on_gpu[-1]
    return memory


def _conditions(seat: Seat, everything: Measurement) -> dict[str, Any]:
    target, ready = everything.target, seat.readies[-1]
    return {
        "target": target.name,
        "provider": target.provider,
        "threads": target.threads,
        "spinning": target.spinning,
        **seat.subject.session,
        "cores": ready.get("cores"),
        "inputs": [
            {**each, "filled": how_filled(each, seat.subject.tokens, seat.subject.table_rows, beside_real=DATA in seat.lengths)}
            for each in with_sizes(ready["inputs"], seat.subject.shapes)
        ],
        "io_binding": target.io_binding,
        "cuda_graphs": target.cuda_graphs,
        "provider_options": dict(target.provider_options),
        "nodes": {name: sum(operators.values()) for name, operators in (ready.get("assignment") or {}).items()} or None,
        "governor": everything.here.get("governor"),
        "processes": everything.plan.processes,
        **(ready.get("versions") or {}),
    }


def not_measured(subjects: Sequence[Subject], evidence: Evidence, reporter: Reporter) -> dict[str, Measured]:
    """Return results without figures, and tell why."""
    hint = "copy the bundle to the device and run `compactor bench` there"
    finding = Finding("M121", "warning", f"latency and memory were not measured: {evidence.reason}", hint)
    reporter.finding(finding)
    nothing = Measured(None, None, None, None, None, {}, evidence.kind, None, None, (finding,), {})
    return {subject.id: nothing for subject in subjects}
