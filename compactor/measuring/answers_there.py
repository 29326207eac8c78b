"""Lets a model answer the same inputs here and where a runner leads, and holds the answers against each other."""

from __future__ import annotations

import base64
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.errors import StageError
from compactor.measuring.cells import Cell
from compactor.measuring.feeds import feeds_of_samples, write_feeds
from compactor.measuring.golden_inputs import golden_feeds
from compactor.measuring.made_up import Feed, made_up_feeds, with_sizes
from compactor.measuring.passes import job_for
from compactor.measuring.result import Subject
from compactor.measuring.runner import Worker
from compactor.measuring.runners import LocalRunner, Runner
from compactor.measuring.same_answers import Agreement, Outputs, compare_answers, tolerance_for

if TYPE_CHECKING:
    from compactor.measuring.evidence import ThisMachine
    from compactor.targets import Target

# An emulated core is a hundred times slower and more: what is done by then is compared, shortest inputs first.
EMULATED_SECONDS = 120.0
LEAST = 8
MADE_UP_LENGTHS = (1, 7, 16, 32)

Metric = Callable[[np.ndarray, Sequence[int]], float]


def same_answers(
    subject: Subject,
    target: Target | ThisMachine,
    runner: Runner,
    *,
    samples: Sequence[np.ndarray | Feed] | None = None,
    metric: tuple[str, Metric] | None = None,
    seconds: float | None = None,
) -> Agreement:
    """Ask one model the same inputs on this machine and where `runner` leads.

    Args:
        subject: the model; one that lies in a bundle answers the bundle's golden inputs.
        target: says threads and, there, the execution provider; here the processor answers.
        runner: open or not.
        samples: further inputs, such as validation texts: token ids (length,) or feeds.
        metric: name and function of (first outputs (n, ...), indices into `samples`) for inputs that have labels, and one answer each.
        seconds: stop asking after so long (but not before eight inputs), the shortest inputs coming first; by default
            two minutes where a core is emulated, and no limit elsewhere.

    Raises:
        StageError, MissingError: the model cannot be loaded or run in one of the two places.
    """
    limit = seconds if seconds is not None else (None if runner.timed else EMULATED_SECONDS)
    job = {**job_for(target, None), "threads": 1 if not runner.timed else target.threads}
    # Providers differ in their kernels; what the processor here answers is what the others are held against.
    job_here = {**job, "provider": "CPUExecutionProvider", "provider_options": {}, "io_binding": False, "cuda_graphs": False}
    with tempfile.TemporaryDirectory(prefix="compactor-answers-") as scratch, runner, LocalRunner() as local:
        with Worker(local, subject.id, {**job_here, "model": local.place(subject.model)}) as worker:
            feeds, sampled = _feeds(subject, samples, worker.ready["inputs"])
            order = sorted(range(len(feeds)), key=lambda index: _size(feeds[index]))
            path = Path(scratch) / "answers.npz"
            write_feeds(path, {str(index): [feeds[index]] for index in order})
            here = _ask(worker, local.place(path), order, None)
            version_here = worker.ready["versions"].get("onnxruntime")
        with Worker(runner, subject.id, {**job, "model": runner.place(subject.model)}) as worker:
            there = _ask(worker, runner.place(path), order, limit)
            versions = (version_here, worker.ready["versions"].get("onnxruntime"))
    both = sorted(there)
    found = compare_answers(
        [here[index] for index in both],
        [there[index] for index in both],
        tolerance_for(subject.interface.get("precision"), subject.model),
        given=len(feeds),
        metric=_metric(metric, here, there, [index for index in both if index >= sampled], sampled),
    )
    return replace(found, onnxruntime=versions)


def _feeds(
    subject: Subject, samples: Sequence[np.ndarray | Feed] | None, inputs: list[dict[str, Any]]
) -> tuple[list[Feed], int]:
    """Return the golden inputs of the bundle, if it is one, followed by the samples, and where the samples begin; else made-up ones."""
    feeds = golden_feeds(subject, inputs)
    begin = len(feeds)
    feeds += feeds_of_samples(samples, inputs) if samples else []
    if feeds:
        return feeds, begin
    sized, longest = with_sizes(inputs, subject.shapes), subject.max_length or max(MADE_UP_LENGTHS)
    cells = [Cell(1, length) for length in MADE_UP_LENGTHS if length <= longest]
    tokens, rows = np.arange(max(subject.tokens, 1)), subject.table_rows
    for cell in cells:
        feeds += made_up_feeds(sized, cell, token_ids=tokens, seed=int(cell.length or 0), table_rows=rows)
    return feeds, len(feeds)


def _ask(worker: Worker, path: str, order: list[int], seconds: float | None) -> dict[int, Outputs]:
    """Return the outputs by index; with a limit of time, those that were there by then."""
    worker.ask({"do": "feeds", "path": path})
    begun, found = time.monotonic(), {}
    for number, index in enumerate(order):
        if seconds is not None and number >= LEAST and time.monotonic() - begun > seconds:
            break
        (packed,) = worker.ask({"do": "answers", "cell": str(index)})["outputs"]
        found[index] = {name: _unpacked(each) for name, each in packed.items()}
    if not found:
        raise StageError("M119", f"{worker.name} was given nothing to answer", "give a bundle, or --texts")
    return found


def _unpacked(each: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(each["base64"]), dtype=each["dtype"]).reshape(each["shape"])


def _metric(
    metric: tuple[str, Metric] | None, here: dict[int, Outputs], there: dict[int, Outputs], indices: list[int], begin: int
) -> dict[str, Any] | None:
    """Score the samples in both places; None without labels, and where what came from there cannot be scored."""
    if metric is None or not indices:
        return None
    name, score = metric
    rows = [index - begin for index in indices]
    first = next(iter(here[indices[0]]))
    # Such answers are not the same, which `compare_answers` says; a figure has no meaning for them.
    if not all(_scorable(here[index][first], there[index].get(first)) for index in indices):
        return None
    values = [score(np.concatenate([answers[index][first] for index in indices]), rows) for answers in (here, there)]
    return {"name": name, "here": values[0], "there": values[1], "n": len(rows)}


def _scorable(one: np.ndarray, other: np.ndarray | None) -> bool:
    return other is not None and one.shape == other.shape and not (np.isnan(one).any() or np.isnan(other).any())


def _size(feed: Feed) -> int:
    return max((array.size for array in feed.values()), default=0)
