"""Models that take longer for some texts than for others, timed over many real texts: the mean of the mix, and its tail."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.reporter import Reporter
from compactor.measuring.cells import DATA, Cell
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.feeds import write_feeds
from compactor.measuring.made_up import Feed
from compactor.measuring.passes import job_for
from compactor.measuring.result import Subject
from compactor.measuring.runner import LocalRunner, Runner, Worker
from compactor.measuring.seats import Seat
from compactor.measuring.statistics import percentile

if TYPE_CHECKING:
    from compactor.targets import Target

CELL = Cell(1, DATA).name
CHUNK = 32  # texts of one turn
SECONDS, QUICK_SECONDS = 20.0, 4.0
WARM_UP_SECONDS = 1.0
DRAWS = 1000


def measure_mix(
    subjects: Sequence[Subject],
    feeds: Mapping[str, Sequence[Feed]],
    target: Target | ThisMachine,
    *,
    reporter: Reporter,
    quick: bool = False,
    seed: int = 0,
    runner: Runner | None = None,
) -> dict[str, dict[str, Any]]:
    """Time models over the same texts, one by one, in turns: each answers a few dozen, then the next the same ones.

    Every text is answered at least once and as often as every other, so that the mean is that of the texts' own mix, whatever the
    time allows. The usual measurement beside this one repeats few texts often, for a narrow median.

    Args:
        subjects: the models.
        feeds: for each subject id the same texts, as `{input: (1, length)}`.
        target: where they must run.
        reporter: progress.
        quick: a fifth of the time.
        seed: of the order.
        runner: where to run; here by default.

    Returns:
        By subject id: `mean_ms`, `ci95_mean` (bootstrap over texts), `p50`, `p99` (None with too few), `cpu_ms`, `n` answers, `texts`;
        empty when this machine tells nothing about the target.
    """
    with runner or LocalRunner() as runner:
        if runner.evidence(target).kind is None or not runner.timed:
            return {}
        count = len(next(iter(feeds.values())))
        reporter.say(f"timing {len(subjects)} models over {count} texts in their own mix")
        with tempfile.TemporaryDirectory(prefix="compactor-mix-") as scratch, ExitStack() as stack:
            workers = _seated(subjects, feeds, target, runner, Path(scratch), stack)
            found = _in_turns(workers, count, QUICK_SECONDS if quick else SECONDS, seed)
    return {name: _summary(wall, cpu, count, seed) for name, (wall, cpu) in found.items()}


def _seated(
    subjects: Sequence[Subject],
    feeds: Mapping[str, Sequence[Feed]],
    target: Target | ThisMachine,
    runner: Runner,
    folder: Path,
    stack: ExitStack,
) -> dict[str, Worker]:
    """Start one process a model, all on the same cores, warmed up."""
    job, workers = job_for(target, "auto"), dict[str, Worker]()
    for number, subject in enumerate(subjects):
        worker = stack.enter_context(Worker(runner, subject.id, Seat(subject, None).job(job, runner)))
        job["affinity"] = worker.ready.get("cores") or job["affinity"]
        path = folder / f"{number}.npz"
        write_feeds(path, {CELL: list(feeds[subject.id])})
        worker.ask({"do": "feeds", "path": runner.place(path)})
        worker.ask({"do": "warm", "cell": CELL, "seconds": WARM_UP_SECONDS})
        workers[subject.id] = worker
    return workers


def _in_turns(workers: dict[str, Worker], count: int, seconds: float, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return for each model the milliseconds of each answer, (passes, texts) by text, and the processor milliseconds of each pass."""
    turns = random.Random(seed)  # noqa: S311 - an order, no secret
    wall: dict[str, list[np.ndarray]] = {name: [] for name in workers}
    cpu: dict[str, list[float]] = {name: [] for name in workers}
    begun, longest = time.perf_counter(), 0.0
    while not (spent := time.perf_counter() - begun) or spent + longest < seconds:
        order, passed = list(range(count)), time.perf_counter()
        turns.shuffle(order)
        times = {name: np.empty(count) for name in workers}
        used = dict.fromkeys(workers, 0.0)
        for start in range(0, count, CHUNK):
            chunk, names = order[start : start + CHUNK], list(workers)
            turns.shuffle(names)
            for name in names:
                burst = workers[name].ask({"do": "burst", "cell": CELL, "feeds": [chunk[0], *chunk], "discard": 1})
                # The first text is timed as the others are; what refilled the caches before it is not.
                times[name][chunk] = np.asarray(burst["nanoseconds"][1:]) / 1e6
                used[name] += (burst["cpu_ns"] or 0) / 1e6 * len(chunk) / (len(chunk) + 1)
        for name in workers:
            wall[name].append(times[name])
            cpu[name].append(used[name])
        longest = max(longest, time.perf_counter() - passed)
    return {name: (np.stack(wall[name]), np.array(cpu[name])) for name in workers}


def _summary(wall: np.ndarray, cpu: np.ndarray, count: int, seed: int) -> dict[str, Any]:
    """Return the figures of one model.

    Args:
        wall: milliseconds, (passes, texts).
        cpu: processor milliseconds of each pass.
        count: texts.
        seed: of the bootstrap.
    """
    of_text = np.median(wall, axis=0)  # a text disturbed once does not count as slow
    chosen = np.random.default_rng(seed).integers(count, size=(DRAWS, count))
    low, high = np.percentile(of_text[chosen].mean(axis=1), [2.5, 97.5])
    p50, p99 = float(np.median(of_text)), percentile(wall.ravel(), 99)[0]
    return {
        "mean_ms": float(of_text.mean()),
        "ci95_mean": [float(low), float(high)],
        "p50": p50,
        "p99": p99,
        "cpu_ms": float(cpu.mean() / count),
        "n": int(wall.size),
        "texts": count,
    }
