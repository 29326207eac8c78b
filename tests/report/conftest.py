"""A realistic record, whole or changed by a test."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RECORD = Path(__file__).parent / "fixtures" / "report.json"


@pytest.fixture
def record() -> dict[str, Any]:
    """The JSON value of report.json, free to be changed."""
    value: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    return value


@pytest.fixture
def missed(record: dict[str, Any]) -> dict[str, Any]:
    """The same run with a tighter budget, which it misses in size and cannot show in latency."""
    value = copy.deepcopy(record)
    value["budget"] = {
        "limits": {"accuracy_drop": 0.015, "latency_ms": 5.0, "size_mb": 8.5},
        "met": False,
        "missed": [
            {"limit": "size_mb", "allowed": 8.5, "value": 8.51732, "sentence": "size_mb is 8.517, the limit is 8.5"},
            {"limit": "latency_ms", "allowed": 5.0, "value": None, "sentence": "latency_ms was not measured on this target"},
        ],
    }
    return value


@pytest.fixture
def bare(record: dict[str, Any]) -> dict[str, Any]:
    """The poorest record that the schema allows: one row, and null wherever a figure may be missing."""
    row = dict.fromkeys(record["rows"][0]) | {"id": "teacher", "stage": "teacher", "latency_ms": [], "findings": []}
    return dict.fromkeys(record) | {"schema": 1, "name": "bare", "rows": [row], "controls": []}


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Write a record as a run folder and return the folder."""

    def write(value: dict[str, Any], name: str = "run") -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "report.json").write_text(json.dumps(value), encoding="utf-8")
        return folder

    return write
