"""`compactor targets calibrate` writes targets that load again, and keeps what a user's file says."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pydantic")
pytest.importorskip("ruamel.yaml")

from compactor.cli._calibrate import with_calibration
from compactor.cli.main import main
from compactor.targets import load_target

FOUND = {
    "machine": 'a "board": four cores',
    "instructions": ["asimd", "asimddp"],
    "evidence": "measured",
    "provider": "CPUExecutionProvider",
    "threads": 4,
    "onnxruntime": "1.31.1",
    "taken": "2026-01-01T00:00:00+00:00",
    "worst_error": 0.25,
    "seconds": {"runs": 1e-05, "fp32_products": 1.4e-11},
}


def test_a_shipped_target_is_stood_upon(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(with_calibration("arm-edge", FOUND), encoding="utf-8")
    target, shipped = load_target(str(path)), load_target("arm-edge")
    assert target.calibration is not None
    assert target.calibration.seconds == FOUND["seconds"]
    assert target.calibration.machine == FOUND["machine"]
    assert target.instructions == shipped.instructions


def test_an_own_file_keeps_all_but_the_old_constants(tmp_path: Path) -> None:
    path = tmp_path / "kitchen.yaml"
    path.write_text(
        "name: kitchen   # mine\nsame_as: arm-edge\ncalibration:\n  old: 1\n\n  older: 2\nthreads: 2\n", encoding="utf-8"
    )
    path.write_text(with_calibration(str(path), {**FOUND, "threads": 2}), encoding="utf-8")
    again = with_calibration(str(path), {**FOUND, "threads": 2})
    assert again == path.read_text(encoding="utf-8")
    assert again.startswith("name: kitchen   # mine\nsame_as: arm-edge\nthreads: 2\n")
    assert load_target(str(path)).threads == 2


def test_a_target_that_cannot_be_timed_here_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["targets", "calibrate", "browser"]) == 1
    assert "M252" in capsys.readouterr().err
