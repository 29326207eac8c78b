"""The rows and heads of further tasks: each data set opened once, encoded by the student's tokenizer, put behind the main rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.errors import StageError
from compactor.data import fingerprint_data, open_data
from compactor.data.duplicates import text_keys
from compactor.distillation.regimes.mixed_tasks import new_heads
from compactor.distillation.regimes.mixing import MixedRows
from compactor.stages._inputs import encoded, encoded_rows

if TYPE_CHECKING:
    from compactor.data import Data, Rows
    from compactor.distillation.regimes.settings import FurtherTask
    from compactor.stages._contract import Work


class FurtherTasks:
    """What `tasks` adds to a training.

    Attributes:
        rows: the main training rows, then each further set's.
        starts: where each set begins, and the end of all.
        heads: one linear map for each further set.
        facts: rows and classes of each further set, and rows left out because the main set is scored on their texts.
    """

    def __init__(self, tasks: Sequence[FurtherTask], work: Work, student: Any) -> None:
        opened = [_open(task, work) for task in tasks]
        chosen = [_unseen(data.train, work) for data in opened]
        further = [encoded_rows(work, work.folder, rows) for rows in chosen]
        self.rows = MixedRows([encoded(work, work.folder, "training"), *further])
        self.starts = self.rows.starts
        self.heads = new_heads(student, [len(data.labels) for data in opened], seed=work.seed)
        self.facts = [
            {"name": task.name, "rows": len(rows), "left_out": len(data.train) - len(rows), "classes": len(data.labels)}
            for task, data, rows in zip(tasks, opened, chosen, strict=True)
        ]


def _open(task: FurtherTask, work: Work) -> Data:
    """Open a further data set; what was read is kept as a by-product."""

    def opened(folder: Path) -> Data:
        return open_data(task.data, near=work.near, seed=work.seed, cache=folder, online=work.online, reporter=work.reporter)

    def read(folder: Path) -> None:
        opened(folder)

    parts = {"content": fingerprint_data(task.data, near=work.near), "settings": task.data.key()}
    data = opened(work.derive("task-data", parts, read))
    for finding in data.findings:
        work.reporter.finding(finding)
    return data


def _unseen(rows: Rows, work: Work) -> Rows:
    """Return the rows whose text is not among those that the main task is scored on."""
    import numpy as np

    held = [split for split in (work.data.validation, work.data.test) if split is not None and split.pair == rows.pair]
    if not held:
        return rows
    seen = np.isin(text_keys(rows), np.concatenate([text_keys(split) for split in held]))
    if not seen.all():
        return rows.select(np.flatnonzero(~seen)) if seen.any() else rows
    raise StageError("L195", "every text of a further task is one that the main task is scored on", "name other data")
