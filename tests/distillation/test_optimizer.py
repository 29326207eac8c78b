"""The optimizers, and their state through a checkpoint."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import pytest

from compactor.base.errors import MissingError
from compactor.base.reporter import Reporter
from compactor.distillation.trainer import TrainSettings, fit
from tests.distillation import tiny

pytestmark = pytest.mark.model

OPTIONS = {
    "accumulate": {"accumulate": 3},
    "checkpointing": {"checkpointing": True},
    "bf16": {"precision": "bf16"},
    "pieces hidden": {"piece_dropout": 0.2},
    "adamw8bit": {"optimizer": "adamw8bit"},
}


class _BrokenOffError(Exception):
    pass


def train(rows: Any, folder: Path, stop_at: int | None = None, **settings: Any) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Train a model wide enough for 8-bit states; return its weights. `stop_at` breaks off when that step is saved."""
    from compactor.distillation.losses import parse_losses
    from compactor.distillation.objective import Objective

    class Stopping(Reporter):
        def event(self, kind: str, **fields: Any) -> None:
            if kind == "checkpoint" and fields["step"] == stop_at:
                raise _BrokenOffError

    model, facts = tiny.model(1, layers=1, hidden=128, heads=2), None
    objective = Objective(parse_losses(["cross_entropy"]), None, model)
    chosen = TrainSettings(epochs=2.0, batch_size=16, learning_rate=1e-3, checkpoint_seconds=1e-6, **settings)
    with contextlib.suppress(_BrokenOffError):
        facts = fit(model, rows, objective, chosen, seed=0, threads=1, checkpoints=folder, reporter=Stopping(), mask_id=4)
    return {name: value.clone() for name, value in model.state_dict().items()}, facts


@pytest.mark.parametrize("name", OPTIONS)
def test_broken_off_and_resumed_it_ends_with_the_same_bits(rows: Any, tmp_path: Path, name: str) -> None:
    import torch

    if name == "adamw8bit":
        pytest.importorskip("bitsandbytes")
    plain, _ = train(rows, tmp_path / "plain", **OPTIONS[name])
    broken, facts = train(rows, tmp_path / "broken", stop_at=5, **OPTIONS[name])
    assert facts is None
    assert not torch.equal(plain["classifier.weight"], broken["classifier.weight"])
    resumed, facts = train(rows, tmp_path / "broken", **OPTIONS[name])
    assert facts is not None
    assert facts["resumed_from_step"] == 5
    assert all(torch.equal(value, resumed[key]) for key, value in plain.items())


def test_8_bit_states_are_bytes_and_steps_go_the_same_way(rows: Any, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    import torch
    from safetensors.torch import load_file

    start = tiny.model(1, layers=1, hidden=128, heads=2).state_dict()
    wide, _ = train(rows, tmp_path / "wide", piece_dropout=0.0)
    narrow, facts = train(rows, tmp_path / "narrow", optimizer="adamw8bit")
    kept = load_file(next((tmp_path / "narrow").glob("step-*")) / "state.safetensors")
    name = "model.bert.encoder.layer.0.attention.self.value.weight"
    assert kept[f"optimizer/state1/{name}"].dtype == torch.uint8
    moved = [(after[name[6:]] - start[name[6:]]).flatten() for after in (wide, narrow)]
    assert float(torch.nn.functional.cosine_similarity(*moved, dim=0)) > 0.9
    assert facts is not None
    assert facts["curve"][-1]["loss"] < facts["curve"][0]["loss"]


def test_without_bitsandbytes_it_is_said_what_to_type(rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)
    with pytest.raises(MissingError, match="needs bitsandbytes") as raised:
        train(rows, tmp_path / "kept", optimizer="adamw8bit")
    assert raised.value.problem.hint.startswith('pip install "compactor[bnb]"')
