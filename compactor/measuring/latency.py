"""The protocol: one process a model, all alive, taking turns; warm-up until steady; runs until the interval is narrow enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from compactor.base.atomic import read_json
from compactor.base.errors import disk_error
from compactor.base.reporter import Reporter
from compactor.measuring.cells import grid
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.made_up import Feed
from compactor.measuring.outcome import not_measured, results_of
from compactor.measuring.passes import Inputs, job_for, time_all
from compactor.measuring.result import Measured, Subject, rounds_of
from compactor.measuring.rounds import Turns
from compactor.measuring.runner import LocalRunner, Runner
from compactor.measuring.statistics import ratio_interval

if TYPE_CHECKING:
    from compactor.targets import Target

__all__ = ["Measured", "Subject", "measure", "ratio"]

SECONDS, QUICK_SECONDS = 50.0, 10.0
PROCESSES, QUICK_PROCESSES = 3, 2


def measure(
    subjects: Sequence[Subject],
    target: Target | ThisMachine,
    *,
    folder_for_raw: Path,
    reporter: Reporter,
    samples: Mapping[str, Sequence[np.ndarray | Feed]] | None = None,
    quick: bool = False,
    seconds: float | None = None,
    interval: float = 0.03,
    seed: int = 0,
    affinity: list[int] | str | None = "auto",
    runner: Runner | None = None,
    texts: Sequence[str] | None = None,
    workers: int = 0,
    scenario: str | None = None,
) -> dict[str, Measured]:
    """Time several models against each other, interleaved, on this machine.

    Each model gets fresh processes (three, two if `quick`) that live side by side; one runs while the others and the caller
    sleep. A duplicate of the smallest model runs along in the first cell: the A/A self-test, which must find no difference.

    Args:
        subjects: the models, each with its own id.
        target: where they must run; says provider, threads, spinning, batch sizes and lengths.
        folder_for_raw: the raw values are written here, one JSON file a subject and cell.
        reporter: progress and findings.
        samples: for each subject id the same texts, as token ids (length,) or as `{input: (1, length)}`: the cell `data`.
        quick: two cells and fewer runs, about 20 seconds.
        seconds: wanted for the timed part in all; a slow model may take up to three times its share.
        interval: half width of the 95 % interval of p50 to reach, over p50.
        seed: for the order of turns, made-up inputs and the bootstrap.
        affinity: cores that the workers are bound to; `auto`: as many idle ones as there are threads; None: any.
        runner: where the workers run; here by default.
        texts: the texts of `samples`, for the figure that starts from text; needs a subject's `tokenizer`.
        workers: measure the throughput of 1, 2, ... so many processes side by side; 0 leaves it out.
        scenario: only the cells of one of MLPerf's scenarios, see scenarios.py.

    Returns:
        What was measured, by subject id. Times are None when this machine tells nothing about the target.

    Raises:
        MissingError: the target's execution provider is not there (exit status 4).
        StageError: a model cannot be loaded or run, or its process died.
    """
    if len({subject.id for subject in subjects}) != len(subjects):
        raise ValueError("two subjects have the same id")
    with runner or LocalRunner() as runner:
        if runner.evidence(target).kind is None or not runner.timed:
            return not_measured(subjects, runner.evidence(target), reporter)
        usual = (QUICK_SECONDS, QUICK_PROCESSES) if quick else (SECONDS, PROCESSES)
        plan = Turns(seconds=seconds or usual[0], processes=usual[1], interval=interval, seed=seed, scenario=scenario)
        cells = grid(target, scenario, quick=quick, with_samples=bool(samples), most=[each.max_length for each in subjects])
        timing = (job_for(target, affinity), plan, runner, reporter)
        try:
            folder_for_raw.mkdir(parents=True, exist_ok=True)  # what cannot be made is told before the time is spent
            timed = time_all(subjects, cells, Inputs(samples or {}, texts), *timing, workers=workers)
        except OSError as error:
            raise disk_error(error, folder_for_raw) from error
        return results_of(subjects, timed, target, runner, plan, folder_for_raw, reporter)


def ratio(
    raw_a: Path | dict[str, Any], raw_b: Path | dict[str, Any], *, of: Literal["wall", "cpu"] = "wall", seed: int = 0
) -> tuple[float, tuple[float, float]]:
    """Compare two raw files of one measurement and cell.

    Args:
        raw_a: the file of one model, or its content.
        raw_b: that of the other.
        of: wall time, or processor time, which holds better on a contended machine.
        seed: of the bootstrap.

    Returns:
        How many times longer a takes than b, and the 95 % interval.
    """
    first, second = (rounds_of((read_json(raw) if isinstance(raw, Path) else raw)["rounds"], of=of) for raw in (raw_a, raw_b))
    return ratio_interval(first, second, seed=seed)
