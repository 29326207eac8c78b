"""Two runs held against each other text by text, where both kept what they answered to the same texts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from compactor.pipeline.answers_table import read_answers
from compactor.report.figures import Estimate
from compactor.report.rows import Report

if TYPE_CHECKING:
    import numpy as np

    from compactor.tasks import Task

Change = Callable[[str, str], Estimate | None]


def paired_change(first: Path, second: Path, old: Report, new: Report) -> Change | None:
    """Return what tells the paired difference of two rows, the second run's minus the first's; None where texts or labels differ.

    Args:
        first: folder of the run to hold against.
        second: folder of the run in question.
        old: the first run's report.
        new: the second's.
    """
    from compactor.tasks import TASKS

    tables = [read_answers(folder) for folder in (first, second)]
    same = old.task == new.task and _texts(old) == _texts(new) and tables[0].get("label") == tables[1].get("label")
    if not same or not all(tables) or old.task.replace("-", "_") not in TASKS.names():
        return None
    task = TASKS.load(old.task)()
    names = sorted({answer for table in tables for name, answers in table.items() if name != "text" for answer in answers})

    def change(one: str, other: str) -> Estimate | None:
        if one not in tables[0] or other not in tables[1]:
            return None
        labels, before, after = (
            _values(column, task, names) for column in (tables[0]["label"], tables[0][one], tables[1][other])
        )
        if task.label_kind == "class":
            before, after = before[:, None] == _ids(names), after[:, None] == _ids(names)
        found = task.difference(after, before, labels, seed=0, names=tuple(names))
        return None if found is None else Estimate(*found)

    return change


def _texts(report: Report) -> object:
    """Return what identifies the texts that were answered."""
    data = report.reproduce.get("data") or {}
    return data.get("test") or data.get("validation")


def _ids(names: list[str]) -> np.ndarray:
    import numpy as np

    return np.arange(len(names))[None, :]


def _values(column: list[str], task: Task, names: list[str]) -> np.ndarray:
    """Return label ids int64 (texts,), where no label is -100; or numbers float32 (texts, 1)."""
    import numpy as np

    if task.label_kind == "number":
        return np.array(column, dtype=np.float32)[:, None]
    number_of = {name: number for number, name in enumerate(names)} | {"": -100}
    return np.array([number_of[name] for name in column], dtype=np.int64)
