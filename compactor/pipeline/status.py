"""What lies in a folder of runs and in a store."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from compactor.base.atomic import read_json
from compactor.pipeline.store import Store


def runs_status(folder: Path) -> list[dict[str, Any]]:
    """Return `{name, state, told}` of each run: finished with its verdict, unfinished with its last event, or unreadable."""
    runs = sorted(path for path in folder.glob("*") if (path / "plan.json").is_file())
    return [{"name": run.name, **_state(run)} for run in runs]


def _state(run: Path) -> dict[str, str]:
    if not (run / "report.json").is_file():
        return {"state": "unfinished", "told": _last_event(run / "events.jsonl")}
    try:
        report = read_json(run / "report.json")
        missed = "; ".join(entry["sentence"] for entry in report["budget"]["missed"])
        told = missed or f"finished {report['finished']}"
    except (OSError, ValueError, KeyError, TypeError):
        return {"state": "unreadable", "told": "report.json is cut or no report; run the profile again, which writes it anew"}
    return {"state": "budget missed" if missed else "done", "told": told}


def store_status(root: Path) -> dict[str, Any]:
    """Return how many folders the store has and their bytes."""
    folders = [folder for folder, _ in Store(root).entries()]
    return {"folders": len(folders), "size_bytes": sum(folder_bytes(folder) for folder in folders)}


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder; a file that a run takes away meanwhile counts nothing."""
    total = 0
    for inside, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                path = Path(inside, name)
                total += 0 if path.is_symlink() else path.stat().st_size
    return total


def _last_event(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    for line in reversed(lines):
        try:
            event = json.loads(line)
            return f"last event: {event['kind']} {event.get('label', '')}".rstrip()
        except (ValueError, KeyError, TypeError):  # the last line of a killed run may be cut
            continue
    return "no event yet"
