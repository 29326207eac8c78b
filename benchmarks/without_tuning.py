"""The generic profile as it is shipped on data it was not made for: topics of paragraphs, and pairs of questions.

    COMPACTOR_DATA=... python benchmarks/without_tuning.py --out FOLDER [--only topics pairs] [--seed 0]

- `topics`: the first paragraphs of the docstrings of the running Python's library; label: the chapter of the reference they belong to.
- `pairs`: two of Banking77's questions; label: whether both have the same intent. Test pairs are made of test questions alone.

For each a teacher is fine-tuned (MiniLM-L6, four or six epochs), as a user of `profiles/laptop-cpu.yaml` would bring one. Then that profile
runs with nothing set but the data and the teacher, from there to the report, times included. What is finished is not made again.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from compactor.base.atomic import write_text
from compactor.base.reporter import Reporter
from compactor.data import DataSettings, open_data

ROOT = Path(__file__).parent.parent


class Task(NamedTuple):
    """A data set, and how long its teacher is trained."""

    make: Callable[[Path], None]
    columns: dict[str, str]
    epochs: int


def main() -> None:
    """Make the data, fine-tune the teachers, run the profile; print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of data, profiles and runs")
    parser.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    for name in arguments.only:
        folder = arguments.out.absolute() / name
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "test.csv").is_file():
            TASKS[name].make(folder)
        print(summary(name, run(TASKS[name], folder, arguments.seed, arguments.threads)), flush=True)


def topics(folder: Path) -> None:
    """Write the embedded docstrings as CSV."""
    settings = DataSettings(source="builtin:python-docstrings", validation=0.02)
    data = open_data(settings, near=(), seed=0, cache=folder / "cache", online=False, reporter=Reporter())
    for name, parts in (("train", (data.train, data.validation)), ("test", (data.test,))):
        rows = [
            (text, data.labels[int(label)])
            for part in parts
            if part is not None
            for text, label in zip(part.texts(), part.labels, strict=True)
        ]
        _write(folder / f"{name}.csv", ("text", "label"), rows)


def pairs(folder: Path) -> None:
    """Write pairs of questions, half of them of one intent: 16,000 to train on and 3,000 to test."""
    rng = random.Random(1)
    for name, number in (("train", 16_000), ("test", 3_000)):
        _write(folder / f"{name}.csv", ("text", "second", "label"), _pairs(_questions(name), number, rng))


def _questions(split: str) -> dict[str, list[str]]:
    of = defaultdict(list)
    with (Path(os.environ["COMPACTOR_DATA"]) / "data" / "banking77" / f"{split}.csv").open(
        encoding="utf-8", newline=""
    ) as file:
        for row in csv.DictReader(file):
            of[row["category"]].append(" ".join(row["text"].split()))
    return of


def _pairs(of: dict[str, list[str]], number: int, rng: random.Random) -> list[tuple[str, str, str]]:
    intents, made = sorted(of), dict[tuple[str, str], str]()
    while len(made) < number:
        intent = rng.choice(intents)
        if rng.random() < 0.5:
            first, second = rng.sample(of[intent], 2)
            made.setdefault((first, second), "same")
        else:
            other = rng.choice([each for each in intents if each != intent])
            made.setdefault((rng.choice(of[intent]), rng.choice(of[other])), "other")
    return [(*pair, label) for pair, label in made.items()]


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


TASKS = {
    "topics": Task(topics, {"text": "text", "label": "label"}, epochs=6),
    "pairs": Task(pairs, {"text": "text", "text_pair": "second", "label": "label"}, epochs=4),
}


def run(task: Task, folder: Path, seed: int, threads: int) -> dict[str, Any]:
    """Fine-tune the teacher, compress it by the generic profile, and return that run's report."""
    data = {"train": str(folder / "train.csv"), "test": str(folder / "test.csv"), **task.columns}
    name, train = f"teacher-s{seed}", {"epochs": task.epochs, "batch_size": 32, "learning_rate": 1e-4}
    teacher = {
        "name": name,
        "task": "text-classification",
        "target": "host",
        "seed": seed,
        "data": {**data, "validation": 0.1},
        "controls": {"labels_only": False, "teacher_int8": False, "linear": False},
        "stages": [{"teacher": {"model": "models/all-MiniLM-L6-v2", "train": train}}],
    }
    profile, runs = folder / f"teacher-s{seed}.yaml", folder / f"runs-{seed}"
    write_text(profile, yaml.safe_dump(teacher, sort_keys=False))
    _compactor(profile, "--to", "teacher", "--no-timing", runs=runs, threads=threads)
    given = {f"data.{key}": value for key, value in data.items()}
    given |= {"teacher.model": str(runs / name / "stages" / "teacher"), "seed": str(seed)}
    sets = [part for key, value in given.items() for part in ("--set", f"{key}={value}")]
    _compactor(ROOT / "profiles" / "laptop-cpu.yaml", *sets, runs=runs, threads=threads)
    report: dict[str, Any] = json.loads((runs / "laptop-cpu" / "report.json").read_text())
    return report


def _compactor(profile: Path, *more: str, runs: Path, threads: int) -> None:
    command = [
        sys.executable,
        "-m",
        "compactor",
        "run",
        str(profile),
        "--runs",
        str(runs),
        "--threads",
        str(threads),
        "--quiet",
        *more,
    ]
    ended = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": str(threads)}, stdout=subprocess.DEVNULL)
    if ended.returncode not in (0, 3):  # 3: above the budget, which the report tells
        sys.exit(ended.returncode)


def summary(name: str, report: dict[str, Any]) -> str:
    """Return teacher and bundle in a line."""
    teacher, bundle = report["rows"][0], report["rows"][-1]
    quality = [row["quality"]["value"] for row in (teacher, bundle)]
    return (
        f"{name}: {100 * quality[0]:.2f} % -> {100 * quality[1]:.2f} % = {100 * quality[1] / quality[0]:.2f} % kept, "
        f"{bundle['size_bytes'] / 1e6:.2f} MB = {teacher['size_bytes'] / bundle['size_bytes']:.1f}x smaller"
    )


if __name__ == "__main__":
    main()
