"""answers.csv: what each row of a run answered to each test text: which ones a smaller model gets wrong, and runs compared text by text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from compactor.base.atomic import fresh_file
from compactor.base.spreadsheet import as_text

if TYPE_CHECKING:
    import numpy as np

    from compactor.pipeline.record import Row

NAME = "answers.csv"
BLOCK_ROWS = 4096


def write_answers(folder: Path, rows: Iterable[Row], labels: np.ndarray, names: tuple[str, ...], kind: str) -> None:
    """Write one line a text: its number in the split, its label, and what each row answered.

    Only for tasks with one label or one number a text; for another none is written.

    Args:
        folder: of the run.
        rows: their `answers` are logits (texts, labels), or numbers (texts, 1).
        labels: of the split: int64 (texts,), or float32 (texts, 1).
        names: of the labels in id order.
        kind: the task's `label_kind`.
    """
    (folder / NAME).unlink(missing_ok=True)
    told = {row.id: row.answers for row in rows if row.answers is not None}
    if kind not in {"class", "number"} or not told:
        return
    columns = [labels, *told.values()]
    with fresh_file(folder / NAME) as stream:
        stream.write(_lines([["text", "label", *told]]))
        for start in range(0, len(labels), BLOCK_ROWS):
            parts = [column[start : start + BLOCK_ROWS] for column in columns]
            said = [_named(part, names) if kind == "class" else _numbers(part) for part in parts]
            stream.write(_lines(zip(range(start, start + len(parts[0])), *said, strict=True)))


def _lines(rows: Iterable[Sequence[object]]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue().encode("utf-8")


def read_answers(folder: Path) -> dict[str, list[str]]:
    """Return the columns of a run's table by name, `text` and `label` among them; nothing where there is none."""
    path = folder / NAME
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as stream:
        head, *lines = csv.reader(stream)
    return dict(zip(head, (list(column) for column in zip(*lines, strict=True)), strict=True))


def _named(given: np.ndarray, names: tuple[str, ...]) -> list[str]:
    """Return labels by name, of ids or of logits; nothing for a text without one."""
    ids = given.argmax(axis=1) if given.ndim == 2 else given
    return [as_text(names[number]) if number >= 0 else "" for number in ids.tolist()]


def _numbers(values: np.ndarray) -> list[str]:
    return [repr(value) for value in values[:, 0].tolist()]
