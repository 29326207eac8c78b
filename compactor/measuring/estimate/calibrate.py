"""Finds the constants of a device: small models are timed on it as any model is, and the constants explain their times best."""

from __future__ import annotations

import datetime
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.errors import StageError
from compactor.base.reporter import Reporter
from compactor.measuring.cells import Cell
from compactor.measuring.estimate.interval import CPU
from compactor.measuring.estimate.micro import write_micro_models
from compactor.measuring.estimate.work import UNITS, Work, graph_work
from compactor.measuring.latency import Measured, measure
from compactor.measuring.result import Subject
from compactor.measuring.runners import Runner

if TYPE_CHECKING:
    from compactor.measuring.evidence import ThisMachine
    from compactor.targets import Target

SECONDS, INTERVAL = 30.0, 0.05


def calibrate(
    target: Target | ThisMachine, runner: Runner, reporter: Reporter, *, seconds: float = SECONDS, seed: int = 0
) -> dict[str, Any]:
    """Time the small models where a runner leads and return the fields of a target's `calibration`.

    Args:
        target: says provider and threads.
        runner: leads to the device.
        reporter: progress and findings.
        seconds: for the timed part in all.
        seed: of turns and made-up inputs.

    Raises:
        StageError: M252, the place cannot time the target, or the target has another provider than the processor.
    """
    if target.provider != CPU:
        raise StageError("M252", f"{target.name} runs on {target.provider}", "only processors are estimated: measure it there")
    with tempfile.TemporaryDirectory(prefix="compactor-calibrate-") as scratch, runner:
        evidence = runner.evidence(target)
        if evidence.kind is None or not runner.timed:
            raise StageError(
                "M252", f"{runner.place_name} cannot time {target.name}: {evidence.reason}", "name its --via ssh:..."
            )
        models = write_micro_models(Path(scratch) / "models")
        works = {name: graph_work(model, Cell(1, None)) for name, model in models.items()}
        measured = measure(
            [Subject(name, model) for name, model in models.items()],
            target,
            folder_for_raw=Path(scratch) / "raw",
            reporter=reporter,
            quick=True,
            seconds=seconds,
            interval=INTERVAL,
            seed=seed,
            runner=runner,
        )
        machine = runner.machine()
    times = {name: run_ms(each) for name, each in measured.items()}
    return {
        "machine": machine["cpu_model"],
        "instructions": machine["instruction_sets"],
        "evidence": evidence.kind,
        "provider": target.provider,
        "threads": target.threads,
        "onnxruntime": str(measured["tiny"].conditions.get("onnxruntime", "unknown")),
        "taken": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "worst_error": round(float(np.max(np.abs(left_out_errors(works, times)))), 3),
        "seconds": {unit: float(f"{value:.4g}") for unit, value in fit(works, times).items()},
    }


def run_ms(measured: Measured) -> float:
    """Return the milliseconds of one run, in the only cell: p50, or on a contended machine the processor time of one thread.

    Processor time leaves out what other processes took, which is what a quiet machine's p50 would be.
    """
    if not measured.latency_ms:
        raise StageError("M253", "nothing was timed: the processor throttled", "let it cool down, then calibrate again")
    row = measured.latency_ms[0]
    contended = "contended" in (measured.noise or {}).get("flags", ()) or (measured.noise or {}).get("verdict") == "contended"
    if contended and row["threads"] == 1 and row["cpu_ms"] is not None:
        return float(min(row["p50"], row["cpu_ms"] * row["batch"]))
    return float(row["p50"])


def fit(works: dict[str, Work], times_ms: dict[str, float]) -> dict[str, float]:
    """Return the seconds of each unit: the non-negative least squares of the relative errors.

    Args:
        works: by name of the small model.
        times_ms: of one run of each.
    """
    from sklearn.linear_model import LinearRegression

    # Divided by the time itself, so that all models count alike; each unit by its largest share, so that all have one scale.
    shares = np.array([np.array(works[name].row()) / (times_ms[name] / 1e3) for name in times_ms])
    scale = np.where(shares.max(axis=0) > 0, shares.max(axis=0), 1.0)
    found = LinearRegression(positive=True, fit_intercept=False).fit(shares / scale, np.ones(len(shares)))
    return dict(zip(UNITS, (float(each) for each in found.coef_ / scale), strict=True))


def left_out_errors(works: dict[str, Work], times_ms: dict[str, float]) -> np.ndarray:
    """Return for each small model how far a fit without it is off: predicted / measured - 1."""
    errors = []
    for name, time in times_ms.items():
        others = fit(
            {other: works[other] for other in times_ms if other != name}, {o: t for o, t in times_ms.items() if o != name}
        )
        predicted = 1e3 * sum(each * value for each, value in zip(works[name].row(), others.values(), strict=True))
        errors.append(predicted / time - 1)
    return np.array(errors)
