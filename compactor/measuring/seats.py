"""A model's place in an interleaved measurement: its inputs, its cells, and the process that now runs it."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from compactor.base.errors import StageError
from compactor.measuring.cells import DATA, MIXED, TEXT, Cell, fitting_cells, has_lengths
from compactor.measuring.feeds import feeds_of_samples, write_feeds
from compactor.measuring.made_up import MIXED_RUNS, Feed, made_up_feeds, mixed_feeds, with_sizes
from compactor.measuring.result import Subject
from compactor.measuring.runner import Runner, UnsupportedError, Worker


@dataclass
class Seat:
    """One model while it is measured.

    Attributes:
        subject: the model.
        samples: its real inputs, None without any.
        first_cell_only: it runs along for the self-test and needs no more.
        texts: the same as texts, None when tokenization is not timed.
        worker: the process that runs it now.
        cells: what it can be timed on, known after the first load.
        lengths: of its samples, by the cell's length (`data`, `text`).
        readies, firsts, looks: what each process told of loading, of its first answer (ms), and of its memory after all cells.
        mixed: what the last process told of its memory after inputs of changing lengths.
        indices: for each cell the inputs of one round, the same in every round.
        absent: why something could not be measured, by name of the figure.
    """

    subject: Subject
    samples: Sequence[np.ndarray | Feed] | None
    first_cell_only: bool = False
    texts: Sequence[str] | None = None
    worker: Worker | None = None
    cells: list[Cell] = field(default_factory=list)
    lengths: dict[str, np.ndarray] = field(default_factory=dict)
    readies: list[dict[str, Any]] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    looks: list[dict[str, Any]] = field(default_factory=list)
    mixed: dict[str, Any] | None = None
    indices: dict[Cell, list[int]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    _feeds: Path | None = None
    _texts: Path | None = None

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Let the process do one command."""
        assert self.worker is not None
        return self.worker.ask(message)

    def job(self, job: dict[str, Any], runner: Runner) -> dict[str, Any]:
        """Return what the process is told: the target's part, the model, and of a cascade the second one."""
        mine = {**job, **self.subject.session, "model": runner.place(self.subject.model)}
        larger = self.subject.larger
        if larger is None:
            return mine
        return {**mine, "io_binding": False, "cuda_graphs": False, "larger": {**larger, "model": runner.place(larger["model"])}}

    def sit(self, worker: Worker, cells: list[Cell], folder: Path, seed: int) -> None:
        """Take a fresh process; the first time, make the inputs and write them into `folder`."""
        self.worker = worker
        self.readies.append(worker.ready)
        if self._feeds is None:
            self._feeds = folder / f"{len(list(folder.iterdir()))}.npz"
            write_feeds(self._feeds, self._make_feeds(cells, seed))
            self._write_texts()

    def feed(self, runner: Runner) -> None:
        """Send the inputs and take the first answer."""
        self.ask({"do": "feeds", "path": self.placed_feeds(runner)})
        self.firsts.append(self.ask({"do": "first", "cell": self.cells[0].name})["first_ms"])

    def feed_texts(self, runner: Runner) -> None:
        """Let the process tokenize too, if it can: one more cell. Sent last, for the tokenizer takes memory of its own."""
        if self._texts is None or "end_to_end_ms" in self.absent:
            return
        assert self.subject.tokenizer is not None
        try:
            self.ask(
                {
                    "do": "texts",
                    "cell": TEXT,
                    "path": runner.place(self._texts),
                    "tokenizer": runner.place(self.subject.tokenizer),
                    "max_length": self.subject.max_length,
                }
            )
        except UnsupportedError as error:
            self.absent["end_to_end_ms"] = str(error)
            return
        if Cell(1, TEXT) not in self.cells:
            self.cells.append(Cell(1, TEXT))

    def look(self, *, last: bool) -> None:
        """Note the memory after all cells; in the last process also after inputs of changing lengths."""
        try:
            self.looks.append(self.ask({"do": "look"}))
            if last and "mixed_lengths" not in self.absent and not self.first_cell_only:
                self.mixed = self.ask({"do": "mix", "cell": MIXED, "runs": MIXED_RUNS})
        except UnsupportedError as error:
            self.absent["memory_bytes"] = str(error)

    def placed_feeds(self, runner: Runner) -> str:
        """Return where the inputs lie on the workers' machine."""
        assert self._feeds is not None
        return runner.place(self._feeds)

    @property
    def is_here(self) -> bool:
        """Whether the process that runs now is on this machine."""
        return self.worker is not None and self.worker.is_here

    @property
    def threads(self) -> int | None:
        """Threads of its own, when they differ from the target's."""
        return self.subject.session.get("threads")

    def _make_feeds(self, cells: list[Cell], seed: int) -> dict[str, list[Feed]]:
        subject = self.subject
        inputs = with_sizes(self.readies[0]["inputs"], subject.shapes)
        real = feeds_of_samples(self.samples, inputs) if self.samples else []
        wanted = [cell for cell in cells if (cell.length != DATA or real) and (cell.length == DATA or subject.larger is None)]
        longest = subject.max_length
        self.cells = fitting_cells(wanted, inputs, longest)
        if self.first_cell_only:
            self.cells = self.cells[:1]
        tokens = _tokens(real) if real else np.arange(max(subject.tokens, 1))
        # Real ids have the spread over the table that the app will have; rows are only for ids that are made up from nothing.
        known: dict[str, Any] = {"token_ids": tokens, "seed": seed, "table_rows": {} if real else subject.table_rows}
        made = {cell.name: real if cell.length == DATA else made_up_feeds(inputs, cell, **known) for cell in self.cells}
        if subject.larger is not None:
            self.absent["mixed_lengths"] = "a cascade is measured on real texts alone"
        elif has_lengths(inputs):
            most = max((cell.length for cell in self.cells if isinstance(cell.length, int)), default=longest or 128)
            made[MIXED] = mixed_feeds(inputs, most, **known)
        else:
            self.absent["mixed_lengths"] = "the graph takes one length only"
        if real:
            self.lengths[DATA] = np.array([max(array.shape[-1] for array in feed.values()) for feed in real])
        return made

    def _write_texts(self) -> None:
        if self.first_cell_only:
            return
        if self.subject.larger is not None:
            self.absent["end_to_end_ms"] = "a cascade of two files tokenizes as it goes"
        elif not self.texts:
            self.absent["end_to_end_ms"] = "no texts were given"
        elif self.subject.tokenizer is None:
            self.absent["end_to_end_ms"] = "the model has no tokenizer.json"
        else:
            assert self._feeds is not None
            self.lengths[TEXT] = np.array([len(text) for text in self.texts])
            self._texts = self._feeds.with_suffix(".json")
            self._texts.write_text(json.dumps(list(self.texts)), encoding="utf-8")


def prepare(
    subject: Subject,
    samples: Sequence[np.ndarray | Feed] | None,
    texts: Sequence[str] | None = None,
    *,
    first_cell_only: bool = False,
) -> Seat:
    """Return a seat without a process.

    Raises:
        StageError: there is no such model file.
    """
    if not subject.model.is_file():
        raise StageError(
            "M100", f"there is no model file {subject.model}", "give an ONNX file or a folder that holds model.onnx"
        )
    return Seat(subject, samples, first_cell_only, texts)


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
    """Start a fresh process for every seat, one after the other in random order; `stack` ends them.

    Where the job says `auto`, the first process chooses its cores and all others with as many threads get the same.
    """
    order = list(seats)
    random.Random(f"{seed}/{process}").shuffle(order)  # noqa: S311 - an order, no secret
    cores: dict[int, Any] = {}
    for seat in order:
        mine = seat.job(job, runner)
        if mine["affinity"] == "auto":
            mine["affinity"] = cores.get(mine["threads"], "auto")
        worker = stack.enter_context(Worker(runner, seat.subject.id, mine))
        cores.setdefault(mine["threads"], worker.ready.get("cores") or "auto")
        seat.sit(worker, cells, folder, seed)
        seat.feed(runner)


def _tokens(feeds: list[Feed]) -> np.ndarray:
    """Return the token ids that occur in real inputs, for made-up ones with the same spread over the table."""
    for name, array in feeds[0].items():
        if "mask" not in name and "type" not in name and np.issubdtype(array.dtype, np.integer):
            return np.concatenate([feed[name].ravel() for feed in feeds])
    return np.arange(2)
