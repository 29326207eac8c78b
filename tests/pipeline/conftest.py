"""A tiny chain of stages that write text files, so that the pipeline is tested without any model."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from compactor.base.errors import StageError
from compactor.base.reporter import Reporter
from compactor.base.settings import setting
from compactor.pipeline.execute import Session
from compactor.pipeline.store import Store
from compactor.stages import Stage
from compactor.targets import load_target


class Write(Stage):
    """Writes its text; fails on demand."""

    text: str = setting("hello", "what to write")
    fail: str = setting("", "raise with this sentence", free=True)
    runs: ClassVar[list[str]] = []

    def run(self, source, work):
        Write.runs.append(self.text)
        (work.folder / "half.txt").write_text("half")
        if self.fail:
            raise StageError("T1", self.fail, "try again")
        before = (source.folder / "text.txt").read_text() if source else ""
        (work.folder / "text.txt").write_text(before + self.text)
        work.facts["length"] = len(before + self.text)


class Append(Write):
    """Takes what the stage before it wrote."""

    takes: ClassVar[frozenset[str]] = frozenset({"torch"})


class Recorder(Reporter):
    """Remembers what was told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


def profile(*texts: str, **settings: Any) -> SimpleNamespace:
    """A profile of one Write and any number of Append steps."""
    stages = [(Append if number else Write)(text=text, **settings) for number, text in enumerate(texts)]
    steps = [
        SimpleNamespace(label=f"s{number}", name="write", stage=stage, source_hash="") for number, stage in enumerate(stages)
    ]
    return SimpleNamespace(
        steps=steps,
        task=SimpleNamespace(name="text-classification"),
        seed=0,
        near=(Path(),),
        target=load_target("host"),
        text="name: x",
    )


@pytest.fixture(autouse=True)
def _forget_runs():
    Write.runs.clear()


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def session(store) -> Session:
    return Session(profile("a", "b"), store, Recorder(), threads=1, online=False)
