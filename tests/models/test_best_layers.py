"""The search for layers: it finds the ones that do nothing, by trying all choices or by leaving one out at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.distillation import tiny

pytestmark = pytest.mark.model


def idle(model: Any, layers: tuple[int, ...]) -> None:
    """Let these layers give back what they are given: what they add to the stream is zero, and the stream is normed already."""
    import torch

    from compactor.models.families import describe

    with torch.no_grad():
        for number in layers:
            part = describe(model).parts[number]
            for linear in (part.attention_output, part.output):
                linear.weight.zero_()
                linear.bias.zero_()


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
@pytest.mark.parametrize("most", [64, 1])
def test_layers_that_do_nothing_go_first(tmp_path: Path, kind: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from compactor.models import best_layers

    monkeypatch.setattr(best_layers, "MOST_TRIALS", most)
    model = tiny.model(4, layers=5, kind=kind)
    idle(model, (1, 3))
    rows = tiny.rows(tmp_path)
    batches = [rows.batch(np.arange(start, start + 20)) for start in (0, 20, 40)]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    kept, facts = best_layers.best_layers(model, 3, batches)
    assert kept == (0, 2, 4)
    assert facts["rows"] == 60
    assert facts["tried"] == (10 if most == 64 else 5 + 4)
    assert facts["best"][0]["difference"] < 1e-8 < facts["best"][1]["difference"]
    after = model.state_dict()
    assert set(after) == set(before)
    assert all((after[name] == before[name]).all() for name in before)
    assert getattr(model.config, "n_layers", None) or model.config.num_hidden_layers == 5


def test_the_difference_is_that_of_the_answers(tmp_path: Path) -> None:
    import torch

    from compactor.models.best_layers import best_layers
    from compactor.models.feeding import feed
    from compactor.models.transformer_student import copy_layers

    model, rows = tiny.model(4, layers=3), tiny.rows(tmp_path)
    batch = rows.batch(np.arange(60))
    kept, facts = best_layers(model, 1, [batch])
    for entry in facts["best"]:
        with torch.no_grad():
            shorter = copy_layers(model, tuple(entry["layers"]))(**feed(model, batch)).logits
            wanted = (shorter - model(**feed(model, batch)).logits).square().mean()
        assert entry["difference"] == pytest.approx(float(wanted), abs=1e-6)
    assert list(kept) == facts["best"][0]["layers"]
