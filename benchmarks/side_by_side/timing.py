"""All contenders in one interleaved measurement by compactor's own protocol, Model2Vec's process among them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from compactor.base.reporter import Reporter
from compactor.measuring.feeds import choose_rows
from compactor.measuring.latency import Measured, Subject, measure
from compactor.measuring.runners import LocalRunner
from compactor.measuring.worker_file import worker_file

if TYPE_CHECKING:
    from made import Made

    from compactor.targets import Target

TEXTS = 64


class SideBySideRunner(LocalRunner):
    """Starts `worker.py`, which chooses by the model's file who answers."""

    def __init__(self, model2vec: Path | None) -> None:
        """Take the Python of Model2Vec's environment, None when it does not take part."""
        self.model2vec = model2vec

    def command(self) -> list[str]:
        """Return the command of one worker."""
        return [sys.executable, str(Path(__file__).with_name("worker.py")), str(worker_file()), str(self.model2vec)]


def time_all(
    made: Sequence[Made], texts: list[str], target: Target, folder: Path, *, model2vec: Path | None, seconds: float, quick: bool
) -> dict[str, Measured]:
    """Time every contender on the same 64 test texts of real length, batch 1: from token ids, and from text.

    Args:
        made: the contenders.
        texts: of the test split; those with the lengths of all are chosen.
        target: one thread, and only real lengths: its batches and lengths are not used.
        folder: for the raw values.
        model2vec: Python of its environment.
        seconds: for the timed part in all.
        quick: two fresh processes each instead of three.
    """
    chosen = [texts[row] for row in choose_rows(np.array([len(text) for text in texts]), TEXTS)]
    subjects = [
        Subject(each.name, each.model, {"max_length": each.max_length}, tokens=each.pieces, tokenizer=each.tokenizer)
        for each in made
    ]
    samples = {each.name: [np.array(each.encode(text), dtype=np.int64) for text in chosen] for each in made}
    return measure(
        subjects,
        target,
        folder_for_raw=folder,
        reporter=Reporter(),
        samples=samples,
        texts=chosen,
        seconds=seconds,
        quick=quick,
        scenario="changing-lengths",
        runner=SideBySideRunner(model2vec),
    )
