"""Do the data settings fit the task? What does not is told before anything is opened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from compactor.base.errors import Problem
from compactor.data.settings import BUILTIN, DIGITS
from compactor.pipeline.reader import Places

if TYPE_CHECKING:
    from compactor.data import DataSettings
    from compactor.tasks import Task


def task_data_problems(task: Task, data: DataSettings, places: Places) -> Iterator[Problem]:
    """Yield settings of the data that this task has no use for."""
    sees = task.input_kind == "image"
    if data.source is not None and (data.source == DIGITS) != sees:
        sentence = f"{data.source} has {'texts' if sees else 'images'}, which {task.name} does not take"
        hint = f"set task: image-classification, or source: {DIGITS if sees else BUILTIN}"
        yield Problem("P291", sentence, hint, places.value(("data", "source")))
    if data.image is not None and not sees:
        sentence = f"data.image names a column of paths, and {task.name} reads texts"
        yield Problem("P291", sentence, "leave it out, or set task: image-classification", places.value(("data", "image")))
    if sees and "text" in data.model_fields_set:
        yield Problem(
            "P291",
            f"data.text names a column of texts, and {task.name} has images",
            "use data.image",
            places.key(("data", "text")),
        )
    if data.source is not None and task.label_kind not in {"class", "vector"}:
        sentence = f"{data.source} has one chapter for each text, and {task.name} wants other labels"
        yield Problem("P029", sentence, "name your own rows with data.train", places.value(("data", "source")))
    if data.extra and task.label_kind != "class":
        sentence = f"data.extra adds paragraphs with the chapter of their text, and {task.name} has no use for chapters"
        yield Problem("P029", sentence, "leave it out", places.value(("data", "extra")))
    if data.separator is not None and task.label_kind != "classes":
        sentence = f"data.separator cuts a cell into several labels, and {task.name} takes none or one"
        yield Problem(
            "P029", sentence, "leave it out, or set task: multi-label-classification", places.value(("data", "separator"))
        )
    if data.text_pair is not None and task.input_kind != "text":
        sentence = f"{task.name} has no second sentence"
        yield Problem("P029", sentence, "leave data.text_pair out", places.value(("data", "text_pair")))
    if data.unlabelled is not None and task.input_kind != "text":
        sentence = f"data.unlabelled names whole texts, which {task.name} does not read"
        yield Problem("P029", sentence, "leave it out", places.value(("data", "unlabelled")))


def wants_labels(task: Task, data: DataSettings) -> bool:
    """Whether the data must have a column with labels: texts for embeddings have none, pairs of texts have a score."""
    return task.label_kind != "vector" or data.text_pair is not None
