"""Raw values of different models lie in different files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compactor.measuring.cells import Cell
from compactor.measuring.latency import ratio
from compactor.measuring.result import write_raw


def bursts(nanoseconds: int) -> list[dict[str, Any]]:
    return [
        {"process": number // 5, "round": number, "nanoseconds": [nanoseconds] * 20, "cpu_ns": None} for number in range(10)
    ]


@pytest.mark.parametrize("names", [("старая.onnx", "новая.onnx"), ("a/model.onnx", "a_model.onnx"), ("one two", "one+two")])
def test_models_whose_names_differ_in_strange_letters_alone_keep_their_own_raw_values(
    names: tuple[str, str], tmp_path: Path
) -> None:
    slow, fast = (
        tmp_path / write_raw(tmp_path / "raw", name, Cell(1, 16), 1, bursts(time), None)
        for name, time in zip(names, (2_000_000, 1_000_000), strict=True)
    )
    assert json.loads(slow.read_text(encoding="utf-8"))["subject"] == names[0]
    assert ratio(slow, fast)[0] == pytest.approx(2.0)


def test_a_plain_name_is_the_files(tmp_path: Path) -> None:
    assert write_raw(tmp_path / "raw", "quantize-2", Cell(1, "data"), 1, bursts(1), None) == "raw/quantize-2-data.json"
