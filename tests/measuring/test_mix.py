"""A cascade is timed as it answers: the second model runs only for the texts that the first is unsure of."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from compactor.base.reporter import Reporter
from compactor.measuring import mix
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.result import Subject
from compactor.measuring.worker.cascade import LARGER, Cascade
from compactor.runtime.answers import confidence
from tests.bundle import tiny


class Session:
    """Answers with what it is fed, times a factor; counts."""

    def __init__(self, factor: float, *names: str) -> None:
        self.factor, self.inputs, self.runs = factor, [SimpleNamespace(name=name, type="t", shape=[1]) for name in names], 0

    def get_inputs(self):
        return self.inputs

    def get_outputs(self):
        return [SimpleNamespace(name="logits")]

    def run(self, _names, feed):
        assert set(feed) == {each.name for each in self.inputs}
        self.runs += 1
        return [next(iter(feed.values())) * self.factor]


def test_the_worker_decides_as_the_runtime_does() -> None:
    first, second = Session(1.0, "ids", "mask"), Session(10.0, "ids")
    both = Cascade(first, second, {"confidence": 0.7, "temperature": 2.0})
    assert [each.name for each in both.get_inputs()] == ["ids", "mask", f"{LARGER}ids"]
    rows = np.random.default_rng(0).normal(size=(30, 1, 4)).astype(np.float32) * 4
    for row in rows:
        sure = confidence(row, 2.0)[0] >= 0.7
        (answer,) = both.run(None, {"ids": row, "mask": row, f"{LARGER}ids": row})
        assert answer == pytest.approx(row if sure else 10 * row)
    assert first.runs == 30
    assert second.runs == sum(confidence(rows[:, 0], 2.0) < 0.7)
    assert 0 < second.runs < 30


def test_every_text_is_timed_as_often_as_every_other(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(mix, "QUICK_SECONDS", 0.05)
    monkeypatch.setattr(mix, "WARM_UP_SECONDS", 0.02)
    folder = tiny.write_onnx_folder(tmp_path / "model")
    rows = [{name: np.ones((1, 4), dtype=np.int64) for name in ("input_ids", "attention_mask")} for _ in range(40)]
    larger = {"model": folder / "model.onnx", "confidence": 0.5, "temperature": 1.0}
    both = [{**row, **{LARGER + name: value for name, value in row.items()}} for row in rows]
    subjects = [Subject("cascade", folder / "model.onnx", larger=larger), Subject("whole", folder / "model.onnx")]
    found = mix.measure_mix(subjects, {"cascade": both, "whole": rows}, ThisMachine(), reporter=Reporter(), quick=True)
    for name in ("cascade", "whole"):
        assert found[name]["texts"] == 40
        assert found[name]["n"] % 40 == 0
        low, high = found[name]["ci95_mean"]
        assert 0 < low <= found[name]["mean_ms"] <= high
    assert found["cascade"]["n"] == found["whole"]["n"]
