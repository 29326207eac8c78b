"""What lies in a folder of runs and in a store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from compactor.base.atomic import read_json
from compactor.pipeline.store import Store


def runs_status(folder: Path) -> list[dict[str, Any]]:
    """Return `{name, state, told}` of each run: finished with its verdict, or unfinished with its last event."""
    found = []
    for run in sorted(path for path in folder.glob("*") if (path / "plan.json").is_file()):
        if (run / "report.json").is_file():
            report = read_json(run / "report.json")
            missed = "; ".join(entry["sentence"] for entry in report["budget"]["missed"])
            found.append(
                {
                    "name": run.name,
                    "state": "budget missed" if missed else "done",
                    "told": missed or f"finished {report['finished']}",
                }
            )
        else:
            found.append({"name": run.name, "state": "unfinished", "told": _last_event(run / "events.jsonl")})
    return found


def store_status(root: Path) -> dict[str, Any]:
    """Return how many folders the store has and their bytes."""
    folders = [folder for folder, _ in Store(root).entries()]
    return {"folders": len(folders), "size_bytes": sum(folder_bytes(folder) for folder in folders)}


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _last_event(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for line in reversed(lines):
        try:
            event = json.loads(line)
        except json.JSONDecodeError:  # the last line of a killed run may be cut
            continue
        return f"last event: {event['kind']} {event.get('label', '')}".rstrip()
    return "no event yet"
