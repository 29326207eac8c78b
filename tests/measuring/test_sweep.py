"""Session options are tried one after the other, and only a clear gain is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compactor.base.reporter import Reporter
from compactor.measuring import sweep as sweeping
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.result import Subject
from compactor.measuring.sweep import Swept, sweep

# What a made-up machine would measure, in milliseconds, by the options that matter there.
SPEEDS = {("threads", 2): 0.6, ("graph_level", "basic"): 1.3, ("spinning", True): 0.99, ("arena", False): 1.0}


def _measured(subjects: list[Subject], *_: Any, **__: Any) -> dict[str, Any]:
    """Stand in for `measure`: each option's factor on 1 ms, with 200 runs in twenty rounds and a little scatter."""
    import json

    from compactor.measuring.result import Measured

    folder: Path = __["folder_for_raw"]
    folder.mkdir(parents=True)
    found = {}
    for subject in subjects:
        factor = 1.0
        for option, value in subject.session.items():
            factor *= SPEEDS.get((option, value), 1.0)
        rounds = [
            {"process": turn % 2, "nanoseconds": [int(1e6 * factor * (1 + 0.001 * ((turn + run) % 5))) for run in range(10)]}
            for turn in range(20)
        ]
        path = folder / f"{subject.id}.json"
        path.write_text(json.dumps({"rounds": rounds}), encoding="utf-8")
        row = {"p50": factor, "ci95_p50": [factor, factor], "raw": f"{folder.name}/{path.name}", "length": 64}
        noise = {"verdict": "quiet"}
        conditions = {"onnxruntime": "1.31.1"}
        found[subject.id] = Measured([row], 1.0, 1.0, 1.0, 10, {}, "measured", noise, None, (), conditions)
    return found


def test_only_clear_gains_are_kept_and_build_on_each_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sweeping, "measure", _measured)
    monkeypatch.setattr(
        sweeping,
        "_options",
        lambda *_: {"threads": [1, 2], "graph_level": ["all", "basic"], "spinning": [False, True], "arena": [True, False]},
    )
    swept = sweep(Subject("m", tmp_path / "m.onnx"), ThisMachine(), reporter=Reporter())
    assert swept.best == {"threads": 2, "graph_level": "all", "spinning": False, "arena": True}
    faster = {(step["option"], step["value"]): step["times_faster"] for step in swept.steps}
    assert faster["threads", 2] == pytest.approx(1 / 0.6, rel=0.01)
    assert faster["graph_level", "basic"] == pytest.approx(1 / 1.3, rel=0.01)
    assert {(step["option"], step["value"]) for step in swept.steps if step["chosen"]} == set(swept.best.items())
    block = swept.session_block()
    assert block["intra_op_num_threads"] == 2
    assert block["graph_optimization_level"] == "all"
    assert block["enable_cpu_mem_arena"] is True
    assert block["measured_on"]["onnxruntime"] == "1.31.1"
    assert block["measured_on"]["noise"] == "quiet"


def test_a_real_sweep_measures_every_variant(make_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "_options", lambda *_: {"graph_level": ["all", "disabled"]})
    swept: Swept = sweep(Subject("m", make_model("m", 3)), ThisMachine(lengths=(8,)), reporter=Reporter(), seconds=0.5)
    assert [step["value"] for step in swept.steps] == ["all", "disabled"]
    assert all(step["p50"] > 0 for step in swept.steps)
    assert swept.steps[0]["times_faster"] is None
    assert swept.steps[1]["ci95"][0] <= swept.steps[1]["times_faster"] <= swept.steps[1]["ci95"][1]
    assert swept.measured_on["length"] == 8
