"""The timed part: fresh processes three times over, all cells in each, memory at the end; then workers side by side."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.reporter import Reporter
from compactor.measuring.aa import SUFFIX, duplicate_of
from compactor.measuring.cells import DATA, TEXT, Cell
from compactor.measuring.made_up import Feed
from compactor.measuring.result import Subject
from compactor.measuring.rounds import Timed, Turns, time_in_turns
from compactor.measuring.runner import Runner
from compactor.measuring.seats import Seat, prepare, take_seats
from compactor.measuring.throughput import flood, worker_counts
from compactor.measuring.unfinished import unfinished

if TYPE_CHECKING:
    from compactor.measuring.evidence import ThisMachine
    from compactor.targets import Target


@dataclass(frozen=True)
class Inputs:
    """What the models answer beside made-up inputs: the same texts for each.

    Attributes:
        samples: by subject id, token ids (length,) or feeds, one a text.
        texts: the texts themselves, for the figure that starts from text; None leaves it out.
    """

    samples: Mapping[str, Sequence[np.ndarray | Feed]]
    texts: Sequence[str] | None = None


def job_for(target: Target | ThisMachine, affinity: list[int] | str | None) -> dict[str, Any]:
    """Return what a worker is told of a target; the model is still to be named."""
    return {
        "provider": target.provider,
        "provider_options": dict(target.provider_options),
        "allow_cpu_fallback": target.allow_cpu_fallback,
        "io_binding": target.io_binding,
        "cuda_graphs": target.cuda_graphs,
        "threads": target.threads,
        "spinning": target.spinning,
        "affinity": affinity,
    }


def time_all(
    subjects: Sequence[Subject],
    cells: list[Cell],
    inputs: Inputs,
    job: dict[str, Any],
    plan: Turns,
    runner: Runner,
    reporter: Reporter,
    *,
    workers: int,
) -> Timed:
    """Time all cells of all subjects in `plan.processes` fresh processes each, then up to `workers` processes at once."""
    timed = Timed()
    again = duplicate_of(subjects)
    seats = [prepare(subject, inputs.samples.get(subject.id), inputs.texts) for subject in subjects]
    seats.append(prepare(again, inputs.samples.get(again.id.removesuffix(SUFFIX)), first_cell_only=True))
    # Sentences instead of a bar: what redraws a bar would take a core from what is timed.
    with tempfile.TemporaryDirectory(prefix="compactor-measuring-") as scratch:
        kept = unfinished(subjects, cells, inputs.samples, job, plan, runner)
        if done := kept.restore(timed, seats):
            reporter.say(f"going on after pass {done}, which was finished before the connection was cut")
        for process in range(done, plan.processes):
            reporter.say(f"timing {len(subjects)} model(s), {len(cells)} cell(s) each, pass {process + 1} of {plan.processes}")
            time_pass(seats, process, cells, job, runner, Path(scratch), timed, plan)
            # The last pass is not kept: workers side by side need models whose inputs were made, and these come with a pass.
            if process + 1 < plan.processes:
                kept.save(process + 1, timed, seats)
        if workers:
            for seat in seats[:-1]:
                counts = worker_counts(workers)
                reporter.say(f"timing {seat.subject.id} with {', '.join(map(str, counts))} worker(s) side by side")
                timed.floods[seat.subject.id] = flood(seat, _fastest(timed, seat), counts, job, runner, plan)
    kept.remove()
    timed.seats = {seat.subject.id: seat for seat in seats}
    timed.again = again.id
    return timed


def time_pass(
    seats: list[Seat],
    process: int,
    cells: list[Cell],
    job: dict[str, Any],
    runner: Runner,
    folder: Path,
    timed: Timed,
    plan: Turns,
) -> None:
    """Seat fresh processes, and time every cell in turns; the cell that tokenizes comes last, with the look at memory before it."""
    with ExitStack() as stack:
        take_seats(seats, process, cells, job, runner, folder, plan.seed, stack)
        plain = [cell for cell in _all_cells(seats) if cell.length != TEXT]
        texts = any(seat.texts and seat.subject.tokenizer for seat in seats)
        for cell in plain:
            time_in_turns(seats, cell, process, timed, plan, share=_share(cell, plain, texts=texts))
        for seat in seats:
            seat.look(last=process == plan.processes - 1)
            seat.feed_texts(runner)
        if any(Cell(1, TEXT) in seat.cells for seat in seats):
            time_in_turns(seats, Cell(1, TEXT), process, timed, plan, share=_share(Cell(1, TEXT), plain, texts=True))


def _fastest(timed: Timed, seat: Seat) -> Cell:
    """Return the cell in which one process answered most texts a second."""

    def texts_per_second(cell: Cell) -> float:
        bursts = timed.bursts[seat.subject.id][cell]
        return (
            cell.batch * sum(len(burst["nanoseconds"]) for burst in bursts) / sum(sum(burst["nanoseconds"]) for burst in bursts)
        )

    return max((cell for cell in seat.cells if cell.length != TEXT), key=texts_per_second)


def _all_cells(seats: list[Seat]) -> list[Cell]:
    return list(dict.fromkeys(cell for seat in seats for cell in seat.cells))


def _share(cell: Cell, plain: list[Cell], *, texts: bool) -> float:
    """The share of the time that a cell gets; real lengths are what matters most."""
    weights = {each: 3.0 if each.length == DATA else 1.0 for each in [*plain, *([Cell(1, TEXT)] if texts else [])]}
    return weights[cell] / sum(weights.values())
