"""A running average of the weights: its closed form, shown and put away again, kept at the end of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.distillation.test_trainer import train


@pytest.mark.model
def test_it_is_the_plain_mean_first_and_then_the_exponential_one() -> None:
    import torch

    from compactor.distillation.running_average import RunningAverage

    weight = torch.nn.Parameter(torch.zeros(3))
    values = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32)
    average = RunningAverage({"w": weight}, 0.95)
    expected, seen = np.zeros(3), [np.zeros(3)]
    for step, value in enumerate(values, start=1):
        with torch.no_grad():
            weight.copy_(torch.from_numpy(value))
        average.after_step()
        seen.append(value)
        expected = np.mean(seen, axis=0) if step < 20 else 0.95 * expected + 0.05 * value
    assert average.values["w"].numpy() == pytest.approx(expected, abs=1e-5)
    with average.shown():
        assert torch.equal(weight, average.values["w"])
    assert np.array_equal(weight.detach().numpy(), values[-1])


@pytest.mark.model
def test_a_training_validates_and_keeps_the_average(rows: Any, tmp_path: Path) -> None:
    import torch

    seen: list[Any] = []

    def validate(model: Any) -> float:
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return 0.0

    last, _ = train(rows, tmp_path / "last", epochs=3.0)
    model, _ = train(rows, tmp_path / "kept", validate=validate, epochs=3.0, average=0.9)
    assert all(torch.equal(value, seen[-1][name]) for name, value in model.state_dict().items())
    name = "classifier.weight"
    assert not torch.allclose(model.state_dict()[name], last.state_dict()[name])
    assert model.state_dict()[name].norm() < last.state_dict()[name].norm() * 1.5
