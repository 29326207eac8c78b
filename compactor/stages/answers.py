"""A teacher who only answers: a file of answers, or a function of the user's own that is asked; beside it, the encoder to grow from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from compactor.base.artifact import Artifact
from compactor.base.errors import CompactorError, Problem
from compactor.base.hashing import hash_file
from compactor.base.paths import under
from compactor.base.settings import setting
from compactor.stages._contract import Stage, Work
from compactor.stages._images import config_problems
from compactor.stages._teacher_problems import length_problems
from compactor.stages._teacher_settings import TeacherConfig

if TYPE_CHECKING:
    from compactor.targets import Target
    from compactor.tasks import Task

Inside = tuple[tuple[str | int, ...], Problem]
PATHS = ("file", "function", "model")
# Version of how a table of pieces gets its first values; bumped by hand when its result changes.
FILLED = 1


class Answers(Stage):
    """Take the place of the teacher where there is no model, only its answers; nothing is known of its size and speed."""

    gives: ClassVar[str] = "answers"
    once: ClassVar[bool] = True

    file: str | None = setting(None, "texts and answers: csv, tsv, json, jsonl or parquet, with the data's text columns")
    function: str | None = setting(None, "a Python file with `def answer(texts)` (for pairs `answer(texts, pairs)`)")
    form: Literal["labels", "probabilities"] = setting(
        "labels", "what the answers are: label names, or probabilities (in a file one column for each label, named as it)"
    )
    text: str = setting("text", "column of the file with the text")
    text_pair: str | None = setting(None, "column of the file with the second sentence")
    label: str = setting("label", "column of the file with the answered label")
    network: bool = setting(False, "the function asks somebody over the network; the run then needs --online", free=True)
    block: int = setting(64, "texts in one call of the function", free=True, ge=1)
    model: str | None = setting(None, "the encoder that students grow from, not the teacher: a model folder, or a hub id")
    config: TeacherConfig | None = setting(None, "instead of a model: an encoder of this shape with random weights")
    max_length: int = setting(128, "most pieces of a text, special ones included; longer texts are cut", ge=4)

    @property
    def teaches(self) -> frozenset[str]:
        """What losses may ask of it."""
        return frozenset({"teacher_labels"} if self.form == "labels" else {"teacher_labels", "logits"})

    def problems(self, *, task: Task, target: Target) -> Iterator[Inside]:
        """Yield what is wrong with these settings."""
        del target
        if (self.file is None) == (self.function is None):
            what = "neither file nor function is given" if self.file is None else "both file and function are given"
            yield (), Problem("P185", f"answers: {what}", "give one: file: answers.csv, or function: ./ask.py")
        if (self.model is None) == (self.config is None):
            what = "neither model nor config is given" if self.model is None else "both model and config are given"
            yield (), Problem("P186", f"answers: {what}", "name the encoder that students grow from: model: a folder or hub id")
        elif self.config is not None:
            yield from (((("config", *path)), problem) for path, problem in config_problems(self.config, task))
            yield from length_problems(self)
        if getattr(task, "label_kind", "class") != "class" or getattr(task, "input_kind", "text") != "text":
            yield (
                (),
                Problem("P187", f"answers gives one class for each text, which {task.name} does not ask for", "use teacher"),
            )

    def file_problems(self, near: tuple[Path, ...]) -> Iterator[Inside]:
        """Yield files that are not there."""
        from compactor.data.source import find_source

        if self.file is not None:
            try:
                find_source(self.file, "answers", near)
            except CompactorError as error:
                sentence = error.problem.sentence.replace("data.answers", "answers.file")
                yield ("file",), Problem("P188", sentence, error.problem.hint)
        if self.function is not None and function_path(self.function, near) is None:
            yield ("function",), Problem("P188", f"answers.function: there is no file {self.function}", "check the path")

    def fingerprint(self, near: tuple[Path, ...]) -> dict[str, Any]:
        """Return the content hashes of the file or function, and of the encoder."""
        from compactor.data.source import find_source
        from compactor.models.finding import model_fingerprint

        found: dict[str, Any] = {}
        if self.file is not None:
            found["file"] = find_source(self.file, "answers", near).fingerprint
        if self.function is not None:
            path = function_path(self.function, near)
            found["function"] = hash_file(path) if path is not None else ""
        if self.model is not None:
            found["encoder"] = model_fingerprint(self.model, near)
        return found

    def key(self) -> dict[str, Any]:
        """Return the settings for the cache key; what lies in files counts by its content, see `fingerprint`."""
        told = {name: value for name, value in super().key().items() if name not in PATHS}
        # An encoder made before its table was filled so has another; all other answers keep their keys, and are not asked for again.
        filled = self.config is not None and self.config.init == "cooccurrence"
        return told | {"table": FILLED} if filled else told

    def run(self, source: Artifact | None, work: Work) -> None:
        """Fill `work.folder` with the encoder to grow from, and the answers to all splits."""
        from compactor.stages._answering import answer_splits, prepare_encoder

        del source
        prepare_encoder(self, work)
        answer_splits(self, work)


def function_path(name: str, near: tuple[Path, ...]) -> Path | None:
    """Return the user's file, the first of this name in the near folders."""
    return next((place for folder in near or (Path(),) if (place := under(folder, name)).is_file()), None)
