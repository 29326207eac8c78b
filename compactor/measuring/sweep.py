"""Tries session options on request, one after the other, interleaved: threads, graph level, spinning, arena. Keeps what is faster."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.errors import StageError
from compactor.base.finding import Finding
from compactor.base.reporter import Reporter
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.latency import measure, ratio
from compactor.measuring.made_up import Feed
from compactor.measuring.result import Measured, Subject
from compactor.measuring.runner import LocalRunner, Runner
from compactor.measuring.throughput import worker_counts

if TYPE_CHECKING:
    from compactor.targets import Target

LEAST_GAIN = 1.02  # a smaller gain is not worth another setting
SECONDS = 6.0  # of each option


@dataclass(frozen=True)
class Swept:
    """What a sweep found.

    Attributes:
        best: the options by our names: `threads`, `graph_level`, `spinning`, `arena`.
        steps: one row a variant: `option`, `value`, `p50`, `ci95_p50`, `times_faster`, `ci95`, `peak_memory_bytes`, `chosen`.
        measured_on: processor, cores, onnxruntime, target, length and the worst verdict on noise.
        findings: what a person should know.
    """

    best: dict[str, Any]
    steps: list[dict[str, Any]]
    measured_on: dict[str, Any]
    findings: tuple[Finding, ...]

    def session_block(self) -> dict[str, Any]:
        """Return the options as the manifest of a bundle spells them, with what they were measured on."""
        return {
            "intra_op_num_threads": self.best["threads"],
            "inter_op_num_threads": 1,
            "graph_optimization_level": self.best["graph_level"],
            "allow_spinning": self.best["spinning"],
            "enable_cpu_mem_arena": self.best["arena"],
            "measured_on": self.measured_on,
        }


def sweep(
    subject: Subject,
    target: Target | ThisMachine,
    *,
    reporter: Reporter,
    samples: Sequence[np.ndarray | Feed] | None = None,
    seconds: float | None = None,
    seed: int = 0,
    runner: Runner | None = None,
) -> Swept:
    """Find the session options that answer one text soonest on this machine.

    One option at a time, its variants interleaved with the best so far; a variant is taken when the 95 % interval of its ratio
    stays above 1.02. Not every combination is tried: options that help only together are missed.

    Args:
        subject: the model.
        target: where to begin: its threads and spinning, all fusions, the arena on.
        reporter: progress and findings.
        samples: texts of real length, as for `measure`; else the middle one of the target's lengths.
        seconds: for each option, 6 by default.
        seed: of the measurements.
        runner: where the workers run.

    Raises:
        MissingError, StageError: as `measure`, and M134, see `refuse_untimed`.
    """
    runner = runner or LocalRunner()
    refuse_untimed(target, runner)
    ground = Ground(subject, _one_cell(target), reporter, samples, seconds or SECONDS, seed, runner)
    best: dict[str, Any] = {"threads": target.threads, "graph_level": "all", "spinning": target.spinning, "arena": True}
    steps: list[dict[str, Any]] = []
    seen: list[Measured] = []
    for option, values in _options(runner, target).items():
        variants = [{**best, option: value} for value in [best[option], *(value for value in values if value != best[option])]]
        if len(variants) == 1:
            continue
        rows, found = ground.compare(option, variants)
        seen += found
        best = max(rows, key=lambda row: row["times_faster"] if _is_faster(row) else 1.0)["session"]
        for row in rows:
            row["chosen"] = row.pop("session") == best
        steps += rows
    measured_on = _measured_on(runner, target, seen)
    return Swept(best, steps, measured_on, (_finding(measured_on),) if measured_on["noise"] == "contended" else ())


def refuse_untimed(target: Target | ThisMachine, runner: Runner) -> None:
    """Raise StageError M134 where nothing would be timed: options that nobody measured are not the best ones."""
    evidence = runner.evidence(target)
    if evidence.kind is None or not runner.timed:
        sentence = f"session options of {target.name} cannot be swept: {evidence.reason}"
        raise StageError("M134", sentence, "run `compactor bench BUNDLE --sweep --write` on the device")


@dataclass(frozen=True)
class Ground:
    """What stays the same through a sweep."""

    subject: Subject
    target: Target | ThisMachine
    reporter: Reporter
    samples: Sequence[np.ndarray | Feed] | None
    seconds: float
    seed: int
    runner: Runner

    def compare(self, option: str, variants: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[Measured]]:
        """Time the variants in turns; return one row each, all held against the first, and what was measured."""
        subjects = [replace(self.subject, id=f"{option} {variant[option]}", session=variant) for variant in variants]
        with tempfile.TemporaryDirectory(prefix="compactor-sweep-") as scratch:
            found = measure(
                subjects,
                self.target,
                folder_for_raw=Path(scratch) / "raw",
                reporter=self.reporter,
                samples={each.id: self.samples for each in subjects} if self.samples else None,
                scenario="changing-lengths",
                quick=True,
                seconds=self.seconds,
                seed=self.seed,
                runner=self.runner,
            )
            measured = [found[each.id] for each in subjects]
            return _compared(option, variants, measured, Path(scratch)), measured


def _options(runner: Runner, target: Target | ThisMachine) -> dict[str, list[Any]]:
    cores = int(runner.machine()["cores_allowed"])
    return {
        "threads": worker_counts(max(cores, target.threads)),
        "graph_level": ["all", "extended", "basic"],
        "spinning": [False, True],
        "arena": [True, False],
    }


def _compared(option: str, variants: list[dict[str, Any]], found: list[Measured], scratch: Path) -> list[dict[str, Any]]:
    """Return one row a variant; the first is the best so far, which the others are held against."""
    rows = []
    before = found[0].latency_ms
    for variant, each in zip(variants, found, strict=True):
        row: dict[str, Any] = {"option": option, "value": variant[option], "session": variant}
        row |= {"p50": None, "ci95_p50": None, "times_faster": None, "ci95": None, "peak_memory_bytes": each.peak_memory_bytes}
        if each.latency_ms and before:
            row |= {"p50": each.latency_ms[0]["p50"], "ci95_p50": each.latency_ms[0]["ci95_p50"]}
        if each.latency_ms and before and variant is not variants[0]:
            value, ends = ratio(scratch / before[0]["raw"], scratch / each.latency_ms[0]["raw"])
            row |= {"times_faster": value, "ci95": list(ends)}
        rows.append(row)
    return rows


def _is_faster(row: dict[str, Any]) -> bool:
    return row["ci95"] is not None and row["ci95"][0] > LEAST_GAIN


def _one_cell(target: Target | ThisMachine) -> Target | ThisMachine:
    """Return the target with one batch of one and its middle length."""
    changes: dict[str, Any] = {"batches": (1,), "lengths": (sorted(target.lengths)[len(target.lengths) // 2],)}
    return replace(target, **changes) if isinstance(target, ThisMachine) else target.model_copy(update=changes)


def _measured_on(runner: Runner, target: Target | ThisMachine, seen: list[Measured]) -> dict[str, Any]:
    here = runner.machine()
    row = seen[-1].latency_ms[0] if seen and seen[-1].latency_ms else {}
    verdicts = {each.noise["verdict"] for each in seen if each.noise}
    return {
        "cpu_model": here["cpu_model"],
        "cores_allowed": here["cores_allowed"],
        "target": target.name,
        "length": row.get("length"),
        "onnxruntime": seen[-1].conditions.get("onnxruntime") if seen else None,
        "noise": next((word for word in ("contended", "noisy") if word in verdicts), "quiet"),
    }


def _finding(measured_on: dict[str, Any]) -> Finding:
    return Finding(
        "M119",
        "warning",
        f"session options were swept on a contended machine ({measured_on['cpu_model']}): more threads look worse than they are",
        "sweep again on the device, with nothing else running",
    )
