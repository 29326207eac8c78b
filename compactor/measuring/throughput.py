"""How many texts a second several workers answer side by side, and what energy a text takes."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np

from compactor.measuring.cells import Cell
from compactor.measuring.rounds import Turns
from compactor.measuring.runner import Runner, UnsupportedError, Worker
from compactor.measuring.seats import Seat

SHORTEST_SECONDS, LONGEST_SECONDS = 0.5, 2.0
START_NS = 100_000_000  # all workers begin together, once each has read its command
EVERY_COUNT_UP_TO = 4
NO_COUNTER = "no energy counter that may be read (RAPL, NVML)"


def worker_counts(most: int) -> list[int]:
    """Return the numbers of workers to try: each up to four, then doubled, and the highest."""
    counts = [count for count in range(1, most + 1) if count <= EVERY_COUNT_UP_TO or (count & (count - 1)) == 0]
    return counts if counts[-1] == most else [*counts, most]


def flood(
    seat: Seat, cell: Cell, counts: list[int], job: dict[str, Any], runner: Runner, plan: Turns
) -> list[dict[str, Any]] | str:
    """Let 1, 2, ... processes of one model answer at full speed at one time.

    Args:
        seat: the model, with its inputs written.
        cell: what each answers.
        counts: numbers of workers.
        job: as for a single one; several are not bound to cores, the system spreads them.
        runner: where they run.
        plan: a tenth of its seconds, between 0.5 and 2, goes to each number of workers.

    Returns:
        One row a number of workers: `workers`, `texts_per_s`, `cpu_ms` per text, `n` answers, `energy`; or why there is none.
    """
    seconds = float(np.clip(plan.seconds / 10, SHORTEST_SECONDS, LONGEST_SECONDS))
    mine = {**seat.job(job, runner), "affinity": None}
    try:
        with ExitStack() as stack:
            workers = [stack.enter_context(Worker(runner, seat.subject.id, mine)) for _ in range(max(counts))]
            for worker in workers:
                worker.ask({"do": "feeds", "path": seat.placed_feeds(runner)})
                worker.ask({"do": "warm", "cell": cell.name, "seconds": SHORTEST_SECONDS})
            return [_together(workers[:count], cell, seconds) for count in counts]
    except UnsupportedError as error:
        return str(error)


def _together(workers: list[Worker], cell: Cell, seconds: float) -> dict[str, Any]:
    begin = workers[0].ask({"do": "look"})["clock_us"] * 1000 + START_NS
    for worker in workers:
        worker.send({"do": "flood", "cell": cell.name, "seconds": seconds, "at_ns": begin})
    answers = [worker.receive() for worker in workers]
    return {"batch": cell.batch, "length": cell.length, **summarise_flood(answers, cell.batch)}


def summarise_flood(answers: list[dict[str, Any]], batch: int) -> dict[str, Any]:
    """Compute one row from what the workers told: only the time in which all of them worked counts."""
    begun = max(answer["begun_ns"] for answer in answers)
    until = min(answer["ended_ns"][-1] for answer in answers)
    ended = [np.asarray(answer["ended_ns"]) for answer in answers]
    counted = sum(int(((times > begun) & (times <= until)).sum()) for times in ended)
    every = sum(len(times) for times in ended) * batch
    cpu: list[Any] = [answer.get("cpu_ns") for answer in answers]
    return {
        "workers": len(answers),
        "texts_per_s": counted * batch / ((until - begun) / 1e9) if until > begun else None,
        "cpu_ms": None if None in cpu else sum(cpu) / 1e6 / every,
        "n": every // batch,
        "energy": energy_of(answers[0], len(ended[0]) * batch) if len(answers) == 1 else None,
    }


def energy_of(answer: dict[str, Any], texts: int) -> dict[str, Any]:
    """Return the energy of a text in millijoules and where it was read; a counter sees the whole package or the whole GPU."""
    parts = {"processor package (RAPL)": answer.get("package_mj"), "GPU (NVML)": answer.get("gpu_mj")}
    known = {name: spent for name, spent in parts.items() if spent is not None}
    if not known:
        return {"mj_per_text": None, "reason": NO_COUNTER}
    return {"mj_per_text": sum(known.values()) / texts, "source": " and ".join(known) + ", all that it did meanwhile"}
