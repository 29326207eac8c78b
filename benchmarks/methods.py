"""Every example of profiles/methods on real data and a real pretrained encoder, from profile to report, trained for a moment.

    COMPACTOR_DATA=... python benchmarks/methods.py --out FOLDER [--only NAME ...]

Each profile for text classification runs as shipped, but: Banking77 instead of the docstrings; instead of a teacher made from nothing
MiniLM-L6, fine-tuned as in the other benchmarks (once, kept in FOLDER/runs/.store); widths six times as large, as the encoder is; one epoch
a training (a quarter with augmented texts) at the rate of a pretrained model. That shows that a method works, at what size and in what
time, and not what it is worth: for that there is benchmarks/distillation. Speed is not measured. FOLDER/table.md and table.json are
written after every run; what is there is not made again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from compactor.base.atomic import write_json, write_text

METHODS = Path(__file__).parent.parent / "profiles" / "methods"
DATA = {
    "train": "data/banking77/train.csv",
    "test": "data/banking77/test.csv",
    "text": "text",
    "label": "category",
    "validation": 0.1,
}
TEACHER: dict[str, Any] = {
    "model": "models/all-MiniLM-L6-v2",
    "train": {"epochs": 8, "batch_size": 32, "learning_rate": 1.5e-4},
}
WIDER = 6  # 384 over the 64 of the examples' own teacher
WIDTHS = {"hidden", "embedding", "filters", "head"}
RATE = 2e-4
# What is given in units of the example's own teacher.
AIMS = {"prune-iterative": {"parameters": 18_000_000}, "prune-size": {"size_mb": 10.0}}
VOCABULARY = 4000


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of profiles, runs and the table")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="profiles to run, instead of all")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    out, rows = arguments.out.absolute(), list[dict[str, Any]]()
    for path in sorted(METHODS.glob("*.yaml")):
        given = yaml.safe_load(path.read_text())
        made = on_real_data(given)
        if made is not None and (not arguments.only or path.stem in arguments.only):
            rows.append({"method": path.stem, **run(made, out, arguments.threads)})
            write_json(out / "table.json", rows)
            write_text(out / "table.md", table(rows))
    print((out / "table.md").read_text())


def on_real_data(given: dict[str, Any]) -> dict[str, Any] | None:
    """Return the profile with real data and a real teacher; None where it is for other rows or names a model of its own."""
    first = given["stages"][0]
    teacher = first.get("teacher") if isinstance(first, dict) else None
    if given["task"] != "text-classification" or not teacher or "config" not in teacher or teacher["config"].get("family"):
        return None
    own = {name: value for name, value in teacher.items() if name not in {"config", "train", "max_length", "linear_teacher"}}
    real = {**TEACHER, **own}
    if {"ensemble", "soup"} & set(own):
        real["train"] = {**TEACHER["train"], "epochs": 1}
    augmented = any(isinstance(stage, dict) and "augment" in stage for stage in given["stages"])
    epochs = 0.25 if augmented else 1.0
    stages = [_fitted(stage, None if _from_nothing(stage) else epochs, given["name"]) for stage in given["stages"][1:]]
    target = given["target"] if "/" not in given["target"] else str(METHODS / given["target"])
    return {**given, "target": target, "data": DATA, "stages": [{"teacher": real}, *stages]}


def _from_nothing(stage: Any) -> bool:
    """Say whether a stage makes a student that takes no layers of the teacher: it learns as long and as fast as in its example."""
    student = stage.get("distill", {}).get("student", {}) if isinstance(stage, dict) else {}
    return student.get("family") in {"static", "conv", "auto"} or "config" in student or student.get("init") == "random"


def _fitted(value: Any, epochs: float | None, name: str) -> Any:
    """Return settings for an encoder six times as wide, and for a short training of so many epochs if it is pretrained."""
    if isinstance(value, list):
        return [_fitted(each, epochs, name) for each in value]
    if not isinstance(value, dict):
        return value
    made = {key: _fitted(each, epochs, name) for key, each in value.items()}
    if "learning_rate" in made and epochs is not None:
        made |= {"epochs": epochs, "learning_rate": min(made["learning_rate"], RATE), "batch_size": 32}
    for width in WIDTHS & set(made):
        if isinstance(made[width], int):
            made[width] *= WIDER
    if "vocabulary" in made:
        shape = made["vocabulary"]
        made["vocabulary"] = {**shape, "keep": VOCABULARY} if isinstance(shape, dict) and "keep" in shape else shape
        if isinstance(shape, int):
            made["vocabulary"] = VOCABULARY
    if "aim" in made and name in AIMS:
        made["aim"] = AIMS[name]
    if made.get("family") in {"static", "conv"}:
        made.setdefault("hidden", 256)
    return made


def run(made: dict[str, Any], out: Path, threads: int) -> dict[str, Any]:
    """Make a run unless its report is there; return its line of the table."""
    path, folder = out / "profiles" / f"{made['name']}.yaml", out / "runs" / made["name"]
    path.parent.mkdir(parents=True, exist_ok=True)
    done = path.is_file() and yaml.safe_load(path.read_text()) == made and (folder / "report.json").is_file()
    if not done:
        write_text(path, yaml.safe_dump(made, sort_keys=False, width=120))
        print(f"{made['name']} ...", flush=True)
        command = [sys.executable, "-m", "compactor", "run", str(path), "--runs", str(out / "runs"), "--threads", str(threads)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        ended = subprocess.run([*command, "--no-timing", "--quiet"], env=environment, capture_output=True, text=True)
        if ended.returncode not in (0, 3):
            told = [line.strip() for line in ended.stderr.splitlines() if re.search(r"\b[A-Z]\d{3}: ", line) or "error" in line]
            return {"failed": re.sub(r"^.*?(?=[A-Z]\d{3}: )", "", (told or ended.stderr.strip().splitlines())[0])}
    report = json.loads((folder / "report.json").read_text())
    teacher, last = report["rows"][0], report["rows"][-1]
    return {
        "stages": [row["stage"] for row in report["rows"][1:]],
        "teacher": teacher["quality"]["value"],
        "test": last["quality"]["value"],
        "megabytes": last["size_bytes"] / 1e6,
        "minutes": sum(row["seconds"] or 0 for row in report["rows"][1:]) / 60,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return the table as Markdown."""
    lines = ["| profile | stages | teacher | test | MB | minutes |", "| --- | --- | ---: | ---: | ---: | ---: |"]
    for row in rows:
        if "failed" in row:
            lines.append(f"| {row['method']} | failed: {row['failed']} | | | | |")
            continue
        figures = [f"{100 * row[name]:.1f} %" for name in ("teacher", "test")] + [
            f"{row[name]:.1f}" for name in ("megabytes", "minutes")
        ]
        lines.append("| " + " | ".join([row["method"], ", ".join(row["stages"]), *figures]) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
