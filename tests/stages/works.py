"""A small real data set, and the handle that stages work with, without a pipeline around it."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from compactor.base.artifact import Artifact
from compactor.base.finding import Finding
from compactor.base.hashing import hash_folder, hash_value
from compactor.base.reporter import Reporter
from compactor.stages._contract import Work
from compactor.tasks import TASKS

WORDS = {"refund": ["refund", "money", "return"], "card": ["card", "visa", "plastic"], "transfer": ["transfer", "send", "wire"]}
FILLERS = "please how do i can the a my to you for is it when will today now need help with this again soon about".split()  # noqa: SIM905


class Listener(Reporter):
    """Keeps findings and events."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.events: list[dict[str, Any]] = []

    def finding(self, finding: Finding) -> None:
        """Keep it."""
        self.findings.append(finding)

    def event(self, kind: str, **fields: Any) -> None:
        """Keep it."""
        self.events.append({"kind": kind, **fields})


def write_csv(path: Path, rows: int = 240, seed: int = 0) -> Path:
    """Write texts whose label is told by one of three words."""
    rng = random.Random(seed)
    lines = ["text,label"]
    for number in range(rows):
        label = sorted(WORDS)[number % len(WORDS)]
        words = [rng.choice(FILLERS) for _ in range(rng.randint(3, 9))]
        words.insert(rng.randrange(len(words)), rng.choice(WORDS[label]))
        lines.append(f"{' '.join(words)} {number},{label}")
    path.write_text("\n".join(lines) + "\n")
    return path


def open_small(root: Path) -> Any:
    """Open the data set; a quarter of the rows is held out."""
    from compactor.data import DataSettings, open_data

    settings = DataSettings(train=str(write_csv(root / "train.csv")), validation=0.25)
    return open_data(settings, near=(root,), seed=0, cache=root / "cache", online=False, reporter=Reporter())


def make_work(root: Path, name: str, data: Any, *, teacher: Artifact | None = None, reporter: Reporter | None = None) -> Work:
    """Return a handle with an empty folder `root/name`; by-products are kept in `root/derived`."""

    def derive(word: str, parts: dict[str, Any], build: Any) -> Path:
        folder = root / "derived" / hash_value([word, parts])
        if not folder.exists():
            folder.mkdir(parents=True)
            build(folder)
        return folder

    folder, checkpoints = root / name, root / f"{name}-checkpoints"
    folder.mkdir()
    checkpoints.mkdir(exist_ok=True)
    return Work(
        folder=folder,
        checkpoints=checkpoints,
        seed=0,
        task=TASKS.load("text-classification")(),
        target=SimpleNamespace(),  # type: ignore[arg-type]
        open_data=lambda: data,
        reporter=reporter or Listener(),
        derive=derive,
        teacher=teacher,
    )


def artifact(folder: Path, stage: str = "teacher") -> Artifact:
    """Make an artifact of a folder that a stage has filled."""
    return Artifact(folder, hash_value(stage), "torch", stage, {"files": hash_folder(folder), "facts": {}})
