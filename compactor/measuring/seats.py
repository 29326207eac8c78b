"""A model's place in an interleaved measurement: its inputs, its cells, and the process that now runs it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from compactor.base.errors import StageError
from compactor.measuring.feeds import DATA, Cell, Feed, feeds_of_samples, fitting_cells, made_up_feeds, write_feeds
from compactor.measuring.result import Subject
from compactor.measuring.runner import Runner, Worker


@dataclass
class Seat:
    """One model while it is measured.

    Attributes:
        subject: the model.
        samples: its real inputs, None without any.
        first_cell_only: it runs along for the self-test and needs no more.
        worker: the process that runs it now.
        cells: what it can be timed on, known after the first load.
        lengths: of its samples.
        readies, firsts, peaks: what each process told of loading, of its first answer (ms) and of its memory (bytes).
        indices: for each cell the inputs of one round, the same in every round.
    """

    subject: Subject
    samples: Sequence[np.ndarray | Feed] | None
    first_cell_only: bool = False
    worker: Worker | None = None
    cells: list[Cell] = field(default_factory=list)
    lengths: np.ndarray = field(default_factory=lambda: np.empty(0))
    readies: list[dict[str, Any]] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    peaks: list[int | None] = field(default_factory=list)
    indices: dict[Cell, list[int]] = field(default_factory=dict)
    _feeds: Path | None = None

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Let the process do one command."""
        assert self.worker is not None
        return self.worker.ask(message)

    def sit(self, worker: Worker, cells: list[Cell], folder: Path, seed: int) -> None:
        """Take a fresh process: give it the inputs, and take its first answer."""
        self.worker = worker
        self.readies.append(worker.ready)
        if self._feeds is None:
            self._feeds = folder / f"{len(list(folder.iterdir()))}.npz"
            write_feeds(self._feeds, self._make_feeds(cells, seed))

    def feed(self, runner: Runner) -> None:
        """Send the inputs and take the first answer."""
        assert self._feeds is not None
        self.ask({"do": "feeds", "path": runner.place(self._feeds)})
        self.firsts.append(self.ask({"do": "first", "cell": self.cells[0].name})["first_ms"])

    def _make_feeds(self, cells: list[Cell], seed: int) -> dict[str, list[Feed]]:
        subject, inputs = self.subject, self.readies[0]["inputs"]
        real = feeds_of_samples(self.samples, inputs) if self.samples else []
        wanted = [cell for cell in cells if cell.length != DATA or real]
        self.cells = fitting_cells(wanted, inputs, subject.interface.get("max_length"))
        if not self.cells:
            raise StageError(
                "M107",
                f"{subject.id} takes at most {subject.interface.get('max_length')} tokens, and every length of the target is longer",
                "name a shorter length in the target's `lengths`",
            )
        if self.first_cell_only:
            self.cells = self.cells[:1]
        tokens = _tokens(real) if real else np.arange(max(subject.tokens, 1))
        made: dict[str, list[Feed]] = {}
        for cell in self.cells:
            made[cell.name] = (
                real if cell.length == DATA else made_up_feeds(inputs, cell, token_ids=tokens, seed=seed, shapes=subject.shapes)
            )
        if real:
            self.lengths = np.array([max(array.shape[-1] for array in feed.values()) for feed in real])
        return made


def prepare(subject: Subject, samples: Sequence[np.ndarray | Feed] | None, *, first_cell_only: bool = False) -> Seat:
    """Return a seat without a process.

    Raises:
        StageError: there is no such model file.
    """
    if not subject.model.is_file():
        raise StageError(
            "M100", f"there is no model file {subject.model}", "give an ONNX file or a folder that holds model.onnx"
        )
    return Seat(subject, samples, first_cell_only)


def take_seats(
    seats: list[Seat],
    process: int,
    cells: list[Cell],
    job: dict[str, Any],
    runner: Runner,
    folder: Path,
    seed: int,
    stack: ExitStack,
) -> None:
    """Start a fresh process for every seat, one after the other in random order; `stack` ends them."""
    order = list(seats)
    random.Random(f"{seed}/{process}").shuffle(order)  # noqa: S311 - an order, no secret
    for seat in order:
        worker = stack.enter_context(Worker(runner, seat.subject.id, {**job, "model": runner.place(seat.subject.model)}))
        seat.sit(worker, cells, folder, seed)
        seat.feed(runner)


def _tokens(feeds: list[Feed]) -> np.ndarray:
    """Return the token ids that occur in real inputs, for made-up ones with the same spread over the table."""
    for name, array in feeds[0].items():
        if "mask" not in name and "type" not in name and np.issubdtype(array.dtype, np.integer):
            return np.concatenate([feed[name].ravel() for feed in feeds])
    return np.arange(2)
