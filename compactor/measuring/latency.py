"""The protocol: one process a model, all alive, taking turns; warm-up until steady; runs until the interval is narrow enough."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from compactor.base.atomic import read_json
from compactor.base.environment import machine
from compactor.base.errors import disk_error
from compactor.base.reporter import Reporter
from compactor.measuring.aa import duplicate_of
from compactor.measuring.evidence import ThisMachine, local_evidence
from compactor.measuring.feeds import DATA, Cell, Feed
from compactor.measuring.outcome import not_measured, results_of
from compactor.measuring.result import Measured, Subject, rounds_of
from compactor.measuring.rounds import Timed, Turns, time_in_turns
from compactor.measuring.runner import LocalRunner, Runner
from compactor.measuring.seats import Seat, prepare, take_seats
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
    affinity: list[int] | None = None,
    runner: Runner | None = None,
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
        affinity: cores that the workers are bound to, if any.
        runner: where the workers run; here by default.

    Returns:
        What was measured, by subject id. Times are None when this machine tells nothing about the target.

    Raises:
        MissingError: the target's execution provider is not there (exit status 4).
        StageError: a model cannot be loaded or run, or its process died.
    """
    if len({subject.id for subject in subjects}) != len(subjects):
        raise ValueError("two subjects have the same id")
    here = machine()
    evidence = local_evidence(target, here)
    if evidence.kind is None:
        return not_measured(subjects, evidence, reporter)
    usual = (QUICK_SECONDS, QUICK_PROCESSES) if quick else (SECONDS, PROCESSES)
    plan = Turns(seconds=seconds or usual[0], processes=usual[1], interval=interval, seed=seed)
    job = {"provider": target.provider, "threads": target.threads, "spinning": target.spinning, "affinity": affinity}
    cells = _cells(target, quick, bool(samples))
    try:
        timed = _time(subjects, cells, samples or {}, job, plan, runner or LocalRunner(), reporter)
        folder_for_raw.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, folder_for_raw) from error
    return results_of(subjects, timed, target, evidence, here, plan, folder_for_raw, reporter)


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


def _cells(target: Target | ThisMachine, quick: bool, with_samples: bool) -> list[Cell]:
    grid = [Cell(batch, length) for batch in target.batches for length in target.lengths]
    if quick:
        grid = [Cell(min(target.batches), max(target.lengths))]
    return ([Cell(1, DATA)] if with_samples else []) + grid


def _time(
    subjects: Sequence[Subject],
    cells: list[Cell],
    samples: Mapping[str, Sequence[np.ndarray | Feed]],
    job: dict[str, Any],
    plan: Turns,
    runner: Runner,
    reporter: Reporter,
) -> Timed:
    """Start the processes, three times over, and time all cells in each."""
    timed = Timed()
    again = duplicate_of(subjects)
    seats = [prepare(subject, samples.get(subject.id)) for subject in subjects]
    seats.append(prepare(again, samples.get(again.id.removesuffix(" (again)")), first_cell_only=True))
    # Sentences instead of a bar: what redraws a bar would take a core from what is timed.
    with tempfile.TemporaryDirectory(prefix="compactor-measuring-") as scratch:
        for process in range(plan.processes):
            reporter.say(f"timing {len(subjects)} model(s), {len(cells)} cell(s) each, pass {process + 1} of {plan.processes}")
            with ExitStack() as stack:
                take_seats(seats, process, cells, job, runner, Path(scratch), plan.seed, stack)
                for cell in _all_cells(seats):
                    time_in_turns(seats, cell, process, timed, plan, share=_share(cell, _all_cells(seats)))
                for seat in seats:
                    seat.peaks.append(seat.ask({"do": "look"})["peak_memory_bytes"])
    timed.seats = {seat.subject.id: seat for seat in seats}
    timed.again = again.id
    return timed


def _all_cells(seats: list[Seat]) -> list[Cell]:
    return list(dict.fromkeys(cell for seat in seats for cell in seat.cells))


def _share(cell: Cell, cells: list[Cell]) -> float:
    """The share of the time that a cell gets; real lengths are what matters most."""
    weights = {each: 3.0 if each.length == DATA else 1.0 for each in cells}
    return weights[cell] / sum(weights.values())
