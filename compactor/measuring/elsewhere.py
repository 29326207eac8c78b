"""One model on a further target: what was timed there and whether it answers as here, as one record for a report."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.hashing import hash_file
from compactor.base.reporter import Reporter
from compactor.measuring.answers_there import Metric, same_answers
from compactor.measuring.latency import Measured, measure
from compactor.measuring.made_up import Feed
from compactor.measuring.result import Subject
from compactor.measuring.runners import Runner
from compactor.measuring.same_answers import Agreement

if TYPE_CHECKING:
    from compactor.measuring.evidence import ThisMachine
    from compactor.targets import Target


def measure_elsewhere(
    subject: Subject,
    target: Target | ThisMachine,
    runner: Runner,
    *,
    via: str,
    folder_for_raw: Path,
    reporter: Reporter,
    samples: Sequence[np.ndarray | Feed] | None = None,
    metric: tuple[str, Metric] | None = None,
    quick: bool = False,
    seed: int = 0,
) -> dict[str, Any]:
    """Time a model where a runner leads, and hold its answers against those given here.

    Args:
        subject: the model.
        target: where it must run.
        runner: leads there.
        via: as the user wrote it.
        folder_for_raw: for the raw values.
        reporter: told what is done.
        samples: real inputs: they are the cell `data`, and their answers are compared too.
        metric: name and function of the task's figure, for samples with labels; see `same_answers`.
        quick: fewer cells and runs.
        seed: of the turns.

    Returns:
        A record for `also` of report.json, see `record`.

    Raises:
        CompactorError: it cannot be reached, or the model cannot be run there.
    """
    with runner:
        given = {subject.id: samples} if samples else None
        measured = measure(
            [subject],
            target,
            folder_for_raw=folder_for_raw,
            reporter=reporter,
            samples=given,
            quick=quick,
            seed=seed,
            runner=runner,
        )[subject.id]
        agreement = None
        if measured.evidence is not None and runner.kind != "local":
            reporter.say(f"comparing the answers of {subject.id} on {runner.place_name} with those given here")
            agreement = same_answers(subject, target, runner, samples=samples, metric=metric)
        return record(subject, target, runner, via, measured, agreement)


def record(
    subject: Subject,
    target: Target | ThisMachine,
    runner: Runner,
    via: str,
    measured: Measured,
    agreement: Agreement | None,
) -> dict[str, Any]:
    """Return what a report keeps of a further target.

    `evidence` says what the times are worth and `reason` why; an emulated core has no times and no memory. `answers` is the
    agreement with this machine, None where the model ran on it anyway.
    """
    kept = ("latency_ms", "throughput_per_s", "load_ms", "first_ms", "peak_memory_bytes", "evidence", "noise", "findings")
    timed = {name: value for name, value in measured.as_dict().items() if name in kept}
    return {
        "target": target.name,
        "title": getattr(target, "title", ""),
        "via": via,
        "place": runner.place_name,
        "reason": runner.evidence(target).reason,
        "model_sha256": hash_file(subject.model),
        **timed,
        "answers": None if agreement is None else agreement.as_dict(),
        "machine": runner.machine(),
        "taken": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
