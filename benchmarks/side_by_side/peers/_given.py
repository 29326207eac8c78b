"""What every peer's script is given, and what it leaves: its folder holds what an app would ship, and nothing else."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CALIBRATION_ROWS = 128


def rows(work: Path, split: str) -> tuple[list[str], list[int]]:
    """Return the texts of a split and their labels by number."""
    found = [json.loads(line) for line in (work / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]
    return [row["text"] for row in found], [row["label"] for row in found]


def settings(work: Path) -> dict[str, Any]:
    """Return `labels`, `max_length`, `encoder` and `seed`."""
    found: dict[str, Any] = json.loads((work / "settings.json").read_text(encoding="utf-8"))
    return found


def ship(work: Path, model: Path, folder: Path) -> None:
    """Put a graph, the teacher's tokenizer and its labels (config.json) where the app's files are counted."""
    shutil.copy(model, folder / "model.onnx")
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        shutil.copy(work / "teacher" / name, folder / name)


def main(make: Callable[[Path, Path, str], Any], packages: tuple[str, ...]) -> None:
    """Run `make(work, folder, variant)` as the command line says; write what is known of it beside the folder, `<folder>.json`."""
    work, folder, variant = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    begun = time.perf_counter()
    further = make(work, folder, variant) or {}
    about = {"seconds": round(time.perf_counter() - begun, 1), "python": sys.version.split()[0], **further}
    about["versions"] = {name: importlib.metadata.version(name) for name in packages}
    Path(f"{folder}.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
