"""Intervals: calibrated ones follow the constants, published ones hold what was published, and nothing is said without a basis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic")

from compactor.base.errors import ProfileError
from compactor.measuring.cells import Cell
from compactor.measuring.estimate import estimate
from compactor.measuring.estimate.interval import LONGER, SHORTER, predicted_ms, published_ms
from compactor.measuring.estimate.work import Work, graph_work
from compactor.measuring.evidence import ThisMachine
from compactor.targets import load_target
from compactor.targets.target import checked

CALIBRATION = {
    "machine": "a board",
    "evidence": "measured",
    "provider": "CPUExecutionProvider",
    "threads": 2,
    "onnxruntime": "1.31.1",
    "taken": "2026-01-01T00:00:00+00:00",
    "worst_error": 0.2,
    "seconds": {"nodes": 1e-6, "fp32_products": 1e-10},
}
BOARD: dict[str, Any] = {"name": "board", "title": "t", "machine": "aarch64", "threads": 2}
PUBLISHED = (  # of 13.04 GMAC in 145 tokens (ncnn's vision_transformer): target, threads, milliseconds
    ("arm-a72", 1, 6606.0),
    ("arm-a72", 4, 1909.0),
    ("arm-a76", 1, 1250.0),
    ("arm-a76", 4, 612.0),
    ("arm-a76", 4, 430.0),
)


def test_a_calibrated_estimate_is_the_sum_of_work_times_seconds(make_model: Callable[..., Path]) -> None:
    model = make_model("chain", 3)
    work = graph_work(model, Cell(1, 16))
    found = estimate(model, checked({**BOARD, "calibration": CALIBRATION}, "board"), 1, 16)
    middle = 1e3 * (work.nodes * 1e-6 + work.fp32_products * 1e-10)
    assert found.calibrated
    assert found.interval == pytest.approx((SHORTER * middle, LONGER * middle))
    assert predicted_ms(work, CALIBRATION["seconds"]) == pytest.approx(middle)  # type: ignore[arg-type]


def test_constants_of_other_threads_are_not_used(make_model: Callable[..., Path]) -> None:
    target = checked({**BOARD, "threads": 4, "calibration": CALIBRATION}, "board")
    found = estimate(make_model("chain", 1), target, 1, 16)
    assert found.interval is None
    assert "compactor targets calibrate" in found.basis


@pytest.mark.parametrize(
    "target", [ThisMachine(), load_target("browser"), load_target("server-gpu")], ids=lambda each: each.name
)
def test_nothing_is_said_without_a_basis(target: Any, make_model: Callable[..., Path]) -> None:
    found = estimate(make_model("chain", 1), target, 1, 16)
    assert found.interval is None
    assert found.basis


@pytest.mark.parametrize(("name", "threads", "measured"), PUBLISHED)
def test_the_published_interval_holds_what_was_published(name: str, threads: int, measured: float) -> None:
    speed = load_target(name).speed
    assert speed is not None
    shortest, longest = published_ms(Work(nodes=200, fp32_products=13.04e9, weight_bytes=344e6), speed, threads)
    assert shortest < measured < longest


def test_more_threads_than_were_published_only_widen_the_interval() -> None:
    speed = load_target("arm-a76").speed
    assert speed is not None
    work = Work(nodes=10, fp32_products=1e9)
    four, eight = published_ms(work, speed, 4), published_ms(work, speed, 8)
    assert eight[0] == pytest.approx(four[0] / 2)
    assert eight[1] == four[1]


def test_a_range_without_a_source_is_refused() -> None:
    speed = load_target("arm-a76").model_dump()["speed"]
    del speed["sources"]["node_us"]
    with pytest.raises(ProfileError, match="node_us"):
        checked({**BOARD, "speed": speed}, "board")


def test_calibrating_changes_no_artifact() -> None:
    assert checked({**BOARD, "calibration": CALIBRATION}, "b").key() == checked(BOARD, "b").key()
