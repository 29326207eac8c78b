"""The rows and heads of further tasks: each data set opened once, encoded by the student's tokenizer, put behind the main rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.data import fingerprint_data, open_data
from compactor.distillation.regimes.mixed_tasks import new_heads
from compactor.distillation.regimes.mixing import MixedRows
from compactor.stages._inputs import encoded, encoded_rows

if TYPE_CHECKING:
    from compactor.data import Data
    from compactor.distillation.regimes.settings import FurtherTask
    from compactor.stages._contract import Work


class FurtherTasks:
    """What `tasks` adds to a training.

    Attributes:
        rows: the main training rows, then each further set's.
        starts: where each set begins, and the end of all.
        heads: one linear map for each further set.
        facts: rows and classes of each further set.
    """

    def __init__(self, tasks: Sequence[FurtherTask], work: Work, student: Any) -> None:
        opened = [_open(task, work) for task in tasks]
        further = [encoded_rows(work, work.folder, data.train) for data in opened]
        self.rows = MixedRows([encoded(work, work.folder, "training"), *further])
        self.starts = self.rows.starts
        self.heads = new_heads(student, [len(data.labels) for data in opened], seed=work.seed)
        self.facts = [
            {"name": task.name, "rows": len(data.train), "classes": len(data.labels)}
            for task, data in zip(tasks, opened, strict=True)
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
