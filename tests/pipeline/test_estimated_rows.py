"""What a plan says of a finished graph whose target is out of reach."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("onnx")
pytest.importorskip("pydantic")

from compactor.cli.plan import cannot_be_timed_here
from compactor.pipeline import estimated_rows, probe
from compactor.pipeline.estimated_rows import estimated_line
from compactor.targets import load_target
from tests.measuring.conftest import make_model  # noqa: F401  the tiny graphs


def line(model: Path, target: str = "arm-edge", kind: str = "onnx") -> str:
    return estimated_line(SimpleNamespace(kind=kind, folder=model.parent), load_target(target))  # type: ignore[arg-type]


def test_a_graph_gets_an_interval_that_is_marked_and_fits_its_longest_input(make_model: Callable[..., Path]) -> None:  # noqa: F811
    told = line(make_model("chain", 2))
    assert told.startswith("estimated: ")
    assert "arm-edge" in told
    assert "64 tokens" in told  # the target's lengths end at 128, the model's at 64


def test_nothing_is_guessed(make_model: Callable[..., Path]) -> None:  # noqa: F811
    model = make_model("chain", 2)
    assert line(model, kind="torch") == ""
    assert line(model, "server-gpu") == ""
    (model.parent / "interface.json").write_text(json.dumps({"max_length": 8}))
    assert "8 tokens" in line(model)
    model.write_bytes(b"broken")
    assert line(model) == ""


def test_a_graph_without_lengths_has_cells_of_one_size(
    make_model: Callable[..., Path],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = make_model("chain", 2).parent
    (folder / "interface.json").write_text("{}")
    monkeypatch.setattr(probe, "encoded", lambda *given: SimpleNamespace(lengths=[1, 1]))
    target = load_target("arm-edge")
    cells = estimated_rows._cells(None, target, folder)  # type: ignore[arg-type]
    assert [(cell["batch"], cell["length"]) for cell in cells] == [(1, "data"), *((batch, None) for batch in target.batches)]


def test_only_what_cannot_be_timed_here_is_estimated() -> None:
    assert not cannot_be_timed_here(load_target("host"))
    assert cannot_be_timed_here(load_target("browser"))
