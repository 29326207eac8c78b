"""A small learnable set, a profile for it, and the command line run as a user runs it."""

from __future__ import annotations

import csv
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end import forked

PROFILE = """\
name: tiny
task: text-classification
target: host
budget: {accuracy_drop: 0.5, size_mb: 50}
seed: 0
data:
  train: train.csv
  test: test.csv
  text: text
  label: label
  validation: 0.2
stages:
  - teacher:
      config: {layers: 2, hidden: 32, heads: 2, intermediate: 64, vocabulary: 300, max_positions: 32, dropout: 0}
      max_length: 32
      train: {epochs: 20, batch_size: 16, learning_rate: 2.0e-3, checkpoint_seconds: 0.2}
  - distill:
      student: {layers: 1, init: teacher-layers}
      losses:
        - hinton: {temperature: 2, weight: 0.9}
        - cross_entropy: {weight: 0.1}
      train: {epochs: 6, batch_size: 16, learning_rate: 2.0e-3, checkpoint_seconds: 0.2}
  - prune:
      vocabulary: {keep: 200}
      intermediate: 0.5
      recover: {epochs: 2, learning_rate: 1.0e-3, checkpoint_seconds: 0.2}
  - export: {}
  - quantize: {method: dynamic-int8}
  - package: {}
"""

WORDS = {
    "refund": "money back return refund charge paid again twice wrong bill",
    "delivery": "parcel late arrive post courier tracking delayed box sent where",
    "login": "password account locked sign code phone reset cannot enter user",
    "cancel": "stop subscription cancel end plan quit leave membership close month",
}
FILLER = [
    "please",
    "help",
    "me",
    "i",
    "the",
    "my",
    "with",
    "about",
    "today",
    "hello",
    "it",
    "is",
    "was",
    "not",
    "still",
    "can",
    "you",
]


def write_rows(path: Path, count: int, seed: int, labels: list[str] | None = None) -> None:
    """Write `count` rows of text and label; two words of the label's vocabulary among filler."""
    dice = random.Random(seed)
    names = list(WORDS)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "label"])
        for number in range(count):
            label = names[number % len(names)]
            words = dice.sample(WORDS[label].split(), 2) + dice.sample(FILLER, dice.randint(3, 9))
            dice.shuffle(words)
            writer.writerow([" ".join(words) + f" {number}", labels[number % len(labels)] if labels else label])


def frugal(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Let a run use one core: a second gives these small models nothing, and its threads would wait for each other all the time."""
    return (*arguments, "--threads", "1") if arguments[0] == "run" and "--threads" not in arguments else arguments


@dataclass
class Desk:
    """A working folder with data and a profile, and the command line in it."""

    folder: Path

    def compactor(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `compactor ARGUMENTS` here, as `from_nothing` does, in a process that has torch already."""
        return forked.compactor(frugal(arguments), self.folder, {**self.environment(), **environment})

    def from_nothing(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `compactor ARGUMENTS` here as a user's shell does; the home folder is empty and must stay so."""
        return subprocess.run(
            [sys.executable, "-m", "compactor", *frugal(arguments)],
            cwd=self.folder,
            env={**self.environment(), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        """Environment of a user with an empty home."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG_", "COMPACTOR_"))}
        return {**kept, "HOME": str(home), "OMP_NUM_THREADS": "1", "CI": "true"}


def make_desk(folder: Path) -> Desk:
    """Fill a folder with the set and the profile."""
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "train.csv", 400, seed=1)
    write_rows(folder / "test.csv", 120, seed=2)
    (folder / "tiny.yaml").write_text(PROFILE, encoding="utf-8")
    return Desk(folder)


@pytest.fixture
def desk(tmp_path) -> Desk:
    """A fresh desk."""
    return make_desk(tmp_path / "desk")


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Desk:
    """A desk on which the profile has been run once; tests must not change its files."""
    desk = make_desk(tmp_path_factory.mktemp("finished") / "desk")
    result = desk.from_nothing("run", "tiny.yaml", "--quick")
    assert result.returncode == 0, result.stderr
    (desk.folder / "stdout.txt").write_text(result.stdout, encoding="utf-8")
    return desk
