"""Rounds of one cell: each round lets every model run one burst, in an order drawn anew, until the intervals are narrow enough."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compactor.measuring.cells import DATA, MULTI_STREAM_SAMPLES, TEXT, Cell
from compactor.measuring.feeds import choose_rows
from compactor.measuring.made_up import VARIANTS
from compactor.measuring.result import rounds_of
from compactor.measuring.seats import Seat
from compactor.measuring.statistics import ENOUGH_RUNS, median_interval

LEAST_ROUNDS = 3  # in each process, for an interval of a ratio
MANY_ROUNDS = 10  # that should fit in the time of a cell, if one run is short enough
LONGEST_TURN_SECONDS = 1.0  # of the slowest model on real lengths
FEWEST_TEXTS = 8
BURST_SECONDS = 0.05  # a faster model repeats its inputs until its burst takes so long
MOST_REPEATS = 16
GRID_RUNS = 16
WARM_UP_SECONDS = 2.0
SLOW_RUN_MS = 50.0  # from here on, refilling the caches does not show
OVERTIME = 3.0
CHECK_DRAWS = 200


@dataclass(frozen=True)
class Turns:
    """How long to go on: seconds in all, number of processes, wanted half width of the interval over p50, seed, MLPerf scenario."""

    seconds: float
    processes: int
    interval: float
    seed: int
    scenario: str | None = None


@dataclass
class Timed:
    """Everything that was timed.

    Attributes:
        bursts: subject id -> cell -> the worker's answers in order, each with `process`, `round`, `turn` (place in the round) and `feeds`.
        looks: cell -> for each process what passed while it was timed: `pressure_us`, `others_ns` (processor time of all other
            processes of the machine; both None where it does not tell), `us`.
        seats: subject id -> seat.
        floods: subject id -> what several workers reached side by side, or why it is not known.
        again: id of the duplicate that runs along for the self-test.
    """

    bursts: dict[str, dict[Cell, list[dict[str, Any]]]] = field(default_factory=dict)
    looks: dict[Cell, list[dict[str, int | None]]] = field(default_factory=dict)
    seats: dict[str, Seat] = field(default_factory=dict)
    floods: dict[str, list[dict[str, Any]] | str] = field(default_factory=dict)
    again: str = ""

    def add(self, subject: str, cell: Cell, burst: dict[str, Any]) -> None:
        """Keep one burst."""
        self.bursts.setdefault(subject, {}).setdefault(cell, []).append(burst)

    def pressure(self, cell: Cell) -> float | None:
        """Return the share of a cell's time in which some task of the machine waited for a core."""
        return self._share(cell, "pressure_us", 1)

    def others(self, cell: Cell) -> float | None:
        """Return how many cores processes outside this measurement kept busy while a cell was timed."""
        return self._share(cell, "others_ns", 1000)

    def _share(self, cell: Cell, name: str, unit: int) -> float | None:
        looks = self.looks.get(cell, [])
        known = [look[name] for look in looks]
        if not known or None in known:
            return None
        return max(0.0, sum(value or 0 for value in known) / unit / max(1, sum(look["us"] or 0 for look in looks)))


def time_in_turns(seats: list[Seat], cell: Cell, process: int, timed: Timed, plan: Turns, *, share: float) -> None:
    """Time one cell in the processes that sit now.

    Args:
        seats: the models; those that cannot take this cell are passed over.
        cell: batch and length.
        process: number of these processes.
        timed: the bursts are added to it.
        plan: how long to go on.
        share: of `plan.seconds` that this cell may take, over all processes.
    """
    playing = [seat for seat in seats if cell in seat.cells]
    slice_seconds = plan.seconds * share / plan.processes
    warm_up = min(WARM_UP_SECONDS, slice_seconds / 2)
    medians = {}
    for seat in playing:
        medians[seat.subject.id] = seat.ask({"do": "warm", "cell": cell.name, "seconds": warm_up})["median_ms"]
    if cell not in playing[0].indices:
        _choose_indices(playing, cell, medians, slice_seconds)
    shortest = min(len(seat.indices[cell]) for seat in playing)
    least = max(LEAST_ROUNDS, math.ceil(ENOUGH_RUNS[50] / plan.processes / shortest))
    turns = random.Random(f"{plan.seed}/{process}/{cell.name}")  # noqa: S311 - an order, no secret
    before, begun, done = _look(playing), time.perf_counter(), 0
    next_check = least
    while True:
        turns.shuffle(playing)
        for turn, seat in enumerate(playing):
            timed.add(seat.subject.id, cell, _burst(seat, cell, medians, process, done, turn))
        done += 1
        passed = time.perf_counter() - begun
        if passed > slice_seconds and (done >= least or passed > OVERTIME * slice_seconds):
            break
        if done >= next_check:
            if _enough(playing, cell, timed, plan, process):
                break
            next_check = done + max(1, done // 3)
    timed.looks.setdefault(cell, []).append(_passed(before, _look(playing)))


def _burst(seat: Seat, cell: Cell, medians: dict[str, float], process: int, number: int, turn: int) -> dict[str, Any]:
    indices = seat.indices[cell]
    discard = 1 if medians[seat.subject.id] < SLOW_RUN_MS else 0
    answer = seat.ask({"do": "burst", "cell": cell.name, "feeds": indices, "discard": discard})
    answer.pop("kind")
    return {"process": process, "round": number, "turn": turn, "feeds": indices, **answer}


def _choose_indices(playing: list[Seat], cell: Cell, medians: dict[str, float], slice_seconds: float) -> None:
    """Fix the inputs of one round: the same for all models, repeated for those that are fast."""
    turn_seconds = slice_seconds / MANY_ROUNDS / len(playing)
    mean, slowest = sum(medians.values()) / 1e3 / len(medians), max(medians.values()) / 1e3
    if cell.length in (DATA, TEXT):
        lengths = playing[0].lengths[str(cell.length)]
        count = min(turn_seconds / mean, LONGEST_TURN_SECONDS / slowest, len(lengths))
        rows = choose_rows(lengths, max(int(count), FEWEST_TEXTS)).tolist()
    else:
        rows = [index % VARIANTS for index in range(int(np.clip(turn_seconds / mean, 1, GRID_RUNS)))]
    for seat in playing:
        seconds = medians[seat.subject.id] / 1e3 * len(rows)
        repeats = int(np.clip(min(BURST_SECONDS, turn_seconds) / seconds, 1, MOST_REPEATS))
        seat.indices[cell] = rows * repeats


def _enough(playing: list[Seat], cell: Cell, timed: Timed, plan: Turns, process: int) -> bool:
    """Whether every model has the runs and the interval asked for, as far as these processes go."""
    part = (process + 1) / plan.processes
    of_interest = cell.length == DATA or (plan.scenario == "multi-stream" and cell.batch == MULTI_STREAM_SAMPLES)
    wanted = ENOUGH_RUNS[99] if of_interest else ENOUGH_RUNS[90]
    for seat in playing:
        rounds = rounds_of(timed.bursts[seat.subject.id][cell])
        if len(rounds.all) < wanted * part:
            return False
        low, high = median_interval(rounds, seed=plan.seed, draws=CHECK_DRAWS)
        if (high - low) / (high + low) > plan.interval:
            return False
    return True


def _look(playing: list[Seat]) -> dict[str, int | None]:
    """Read the machine's counters; `own_ns` is the processor time of this measurement, this process included when it is local."""
    looks = [seat.ask({"do": "look"}) for seat in playing]
    last = looks[-1]
    own: list[Any] = [look.get("process_ns") for look in looks]
    return {
        "pressure_us": last.get("pressure_us"),
        "busy_ns": last.get("busy_ns"),
        "own_ns": None if None in own else sum(own) + (time.process_time_ns() if playing[0].is_here else 0),
        "us": last.get("clock_us"),
    }


def _passed(before: dict[str, int | None], after: dict[str, int | None]) -> dict[str, int | None]:
    """Return what passed between two looks; processor time that was not ours is the others'."""
    changed: dict[str, int | None] = {}
    for name, old in before.items():
        new = after[name]
        changed[name] = None if old is None or new is None else new - old
    busy, own = changed["busy_ns"], changed["own_ns"]
    others = None if busy is None or own is None else max(0, busy - own)
    return {"pressure_us": changed["pressure_us"], "others_ns": others, "us": changed["us"]}
