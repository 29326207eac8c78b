"""Passes that were finished before a connection was cut: kept, so that the same command goes on after them."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import compactor
from compactor.base.atomic import read_json, write_json
from compactor.base.hashing import hash_file, hash_value
from compactor.measuring.cells import Cell
from compactor.measuring.result import Subject
from compactor.measuring.rounds import Timed, Turns
from compactor.measuring.runner import Runner
from compactor.measuring.seats import Seat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from compactor.measuring.made_up import Feed

CUT = frozenset({"ssh"})  # kinds of runner whose way can be cut
LONGEST_SECONDS = 24 * 3600  # a board is another one tomorrow: updated, moved, in another room
KEPT_OF_A_SEAT = ("readies", "firsts", "looks", "mixed", "absent")


@dataclass(frozen=True)
class Unfinished:
    """The file of one measurement; there is one only while the measurement is neither done nor given up."""

    path: Path | None

    def restore(self, timed: Timed, seats: Sequence[Seat]) -> int:
        """Fill in what was kept, and return the number of passes that need not be done again."""
        if self.path is None or not self.path.is_file():
            return 0
        kept = read_json(self.path)
        if time.time() - kept["at"] > LONGEST_SECONDS:
            self.path.unlink()
            return 0
        for subject, cells in kept["bursts"].items():
            timed.bursts[subject] = {_cell(key): bursts for key, bursts in cells.items()}
        timed.looks.update({_cell(key): looks for key, looks in kept["looks"].items()})
        for seat, state in zip(seats, kept["seats"], strict=True):
            for name in KEPT_OF_A_SEAT:
                setattr(seat, name, state[name])
            seat.indices = {_cell(key): indices for key, indices in state["indices"].items()}
        return int(kept["passes"])

    def save(self, passes: int, timed: Timed, seats: Sequence[Seat]) -> None:
        """Keep everything after a finished pass."""
        if self.path is None:
            return
        states = [
            {
                **{name: getattr(seat, name) for name in KEPT_OF_A_SEAT},
                "indices": {_key(cell): indices for cell, indices in seat.indices.items()},
            }
            for seat in seats
        ]
        bursts = {subject: {_key(cell): each for cell, each in cells.items()} for subject, cells in timed.bursts.items()}
        looks = {_key(cell): each for cell, each in timed.looks.items()}
        write_json(self.path, {"at": time.time(), "passes": passes, "bursts": bursts, "looks": looks, "seats": states})

    def remove(self) -> None:
        """Forget it: the measurement is done."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def unfinished(
    subjects: Sequence[Subject],
    cells: Sequence[Cell],
    samples: Mapping[str, Sequence[np.ndarray | Feed]],
    job: dict[str, Any],
    plan: Turns,
    runner: Runner,
) -> Unfinished:
    """Return where the passes of a measurement are kept; nowhere when nothing can be cut.

    The same models, inputs, cells, options and place have the same file.
    """
    if runner.kind not in CUT:
        return Unfinished(None)
    identity = hash_value(
        {
            "compactor": compactor.__version__,
            "place": [runner.kind, runner.place_name, runner.machine()["cpu_model"]],
            "models": {subject.id: [hash_file(subject.model), subject.shapes, subject.session] for subject in subjects},
            "samples": {name: [_plain(sample) for sample in each] for name, each in samples.items()},
            "cells": [asdict(cell) for cell in cells],
            "job": job,
            "plan": asdict(plan),
        }
    )
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Unfinished(cache / "compactor" / "unfinished" / f"{identity[:32]}.json")


def _plain(sample: np.ndarray | Feed) -> Any:
    return {name: array.tolist() for name, array in sample.items()} if isinstance(sample, dict) else sample.tolist()


def _key(cell: Cell) -> str:
    return f"{cell.batch}|{'' if cell.length is None else cell.length}"


def _cell(key: str) -> Cell:
    batch, _, length = key.partition("|")
    return Cell(int(batch), int(length) if length.isdigit() else length or None)
