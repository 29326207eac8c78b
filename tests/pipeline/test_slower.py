"""Steps that lost time are told where both times are measured, and nothing else is compared."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from compactor.pipeline import slower
from compactor.pipeline.record import Row
from compactor.pipeline.slower import tell_slower


def row(stage: str, cells: list[dict[str, Any]]) -> Row:
    return Row(id=stage, stage=stage, artifact=None, settings={}, timing={"latency_ms": cells})


def test_estimated_cells_have_no_raw_values_and_are_passed_over(tmp_path: Path) -> None:
    cell = {"batch": 1, "length": "data", "p50": None, "interval": [0.01, 2.0], "evidence": "estimated"}
    rows = [row("export", [cell]), row("quantize", [cell]), row("package", [])]
    tell_slower(SimpleNamespace(), rows, tmp_path)  # type: ignore[arg-type]
    assert [each.findings for each in rows] == [[], [], []]


def test_real_lengths_stand_for_a_row_where_they_were_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    monkeypatch.setattr(slower, "_tell", lambda session, before, after, folder: compared.append(slower._raw(after) or ""))
    fixed, real = {"batch": 1, "length": 16, "raw": "fixed.npy"}, {"batch": 1, "length": "data", "raw": "real.npy"}
    other = {"batch": 1, "length": "data", "raw": "other.npy"}
    tell_slower(SimpleNamespace(), [row("export", [other]), row("quantize", [fixed, real])], tmp_path)  # type: ignore[arg-type]
    assert compared == ["real.npy"]
