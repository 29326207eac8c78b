"""Free what no run refers to."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from compactor.base.atomic import read_json
from compactor.pipeline.status import folder_bytes
from compactor.pipeline.store import Store


@dataclass(frozen=True)
class Unused:
    """One folder of the store that no run refers to."""

    folder: Path
    what: str
    size_bytes: int


def unused(store: Store, runs: Path) -> list[Unused]:
    """List the folders of a store whose key stands in no run's references.

    A run refers to its steps, its by-products, and through its plan to the steps that it has not reached yet.
    """
    kept: set[str] = set()
    for run in runs.glob("*"):
        if (run / "references.json").is_file():
            kept |= set(read_json(run / "references.json"))
        if (run / "plan.json").is_file():
            kept |= {step["key"] for step in read_json(run / "plan.json")["steps"]}
    return [Unused(folder, what, folder_bytes(folder)) for folder, what in store.entries() if folder.name not in kept]


def sweep(entries: list[Unused]) -> int:
    """Delete the folders; return the bytes freed."""
    for entry in entries:
        shutil.rmtree(entry.folder)
    return sum(entry.size_bytes for entry in entries)
