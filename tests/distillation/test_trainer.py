"""Training: it learns, it resumes bit for bit, it says what went wrong."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.base.reporter import Reporter
from compactor.distillation.trainer import TrainSettings, fit, learning_rate_at
from tests.distillation import tiny

REPOSITORY = Path(__file__).parents[2]


def test_the_learning_rate_rises_then_falls_to_zero() -> None:
    settings = TrainSettings(learning_rate=1.0, warmup=0.1, decay="linear")
    rates = [learning_rate_at(settings, step, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert rates[10] == 1.0
    assert np.diff(rates[10:]) == pytest.approx(-1 / 90)
    assert rates[-1] == pytest.approx(1 / 90)


@pytest.mark.parametrize(("decay", "middle", "last"), [("cosine", 0.5, 0.0), ("constant", 1.0, 1.0)])
def test_the_other_decays(decay: Any, middle: float, last: float) -> None:
    settings = TrainSettings(learning_rate=1.0, warmup=0.0, decay=decay)
    assert learning_rate_at(settings, 500, 1000) == pytest.approx(middle)
    assert learning_rate_at(settings, 999, 1000) == pytest.approx(last, abs=1e-4)


def train(
    rows: Any, folder: Path, model: Any = None, losses: Any = None, validate: Any = None, **settings: Any
) -> tuple[Any, dict[str, Any]]:
    from compactor.distillation.losses import parse_losses
    from compactor.distillation.objective import Objective

    model = model or tiny.model(1)
    objective = Objective(parse_losses(losses or ["cross_entropy"]), None, model)
    settings = {"epochs": 10.0, "batch_size": 8, "learning_rate": 2e-2, **settings}
    facts = fit(
        model,
        rows,
        objective,
        TrainSettings(**settings),
        seed=0,
        threads=1,
        checkpoints=folder,
        reporter=Reporter(),
        validate=validate,
    )
    return model, facts


def accuracy_of(model: Any, rows: Any) -> float:
    from compactor.distillation.evaluate import accuracy, predict

    return accuracy(predict(model, rows, threads=1), rows.labels)


@pytest.mark.model
def test_it_learns_and_tells_how(rows: Any, tmp_path: Path) -> None:
    model, facts = train(rows, tmp_path / "kept")
    assert accuracy_of(model, rows) > 0.95
    assert not model.training
    assert facts["steps"] == 80
    assert facts["curve"][-1]["loss"] < 0.3 < facts["curve"][0]["loss"]
    assert 0 <= facts["padding_share"] < 0.2
    assert facts["samples_per_second"] > 0


@pytest.mark.model
def test_a_fraction_of_an_epoch(rows: Any, tmp_path: Path) -> None:
    assert train(rows, tmp_path / "kept", epochs=0.5)[1]["steps"] == 4


@pytest.mark.model
def test_biases_and_norms_do_not_decay_and_unused_pieces_stay(rows: Any, tmp_path: Path) -> None:
    import torch

    start = tiny.model(1)
    model, _ = train(
        rows, tmp_path / "kept", tiny.model(1), epochs=0.25, learning_rate=1e-9, weight_decay=1e8, warmup=0.0, decay="constant"
    )
    before, after = start.state_dict(), model.state_dict()
    assert not torch.allclose(before["classifier.weight"], after["classifier.weight"], rtol=1e-2)
    for name in ("bert.encoder.layer.0.output.LayerNorm.weight", "bert.encoder.layer.0.output.dense.bias"):
        assert torch.allclose(before[name], after[name], atol=1e-6)
    table = "bert.embeddings.word_embeddings.weight"
    assert torch.equal(before[table][45:], after[table][45:])
    assert not torch.equal(before[table][20:40], after[table][20:40])


@pytest.mark.model
def test_training_the_used_pieces_alone_gives_the_same_weights(
    rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from compactor.distillation import pieces

    settings = {"epochs": 2.0, "weight_decay": 0.0, "dropout": 0.0, "clip_norm": 0.5}
    part, _ = train(rows, tmp_path / "a", tiny.model(1), **settings)
    monkeypatch.setattr(pieces, "LARGEST_SHARE", -1.0)
    whole, _ = train(rows, tmp_path / "b", tiny.model(1), **settings)
    for name, value in whole.state_dict().items():
        assert torch.allclose(value, part.state_dict()[name], atol=1e-5), name
    assert part.get_input_embeddings().num_embeddings == tiny.PIECES
    assert part.get_input_embeddings().padding_idx == whole.get_input_embeddings().padding_idx


@pytest.mark.model
def test_the_best_epoch_is_kept_when_asked(rows: Any, tmp_path: Path) -> None:
    import torch

    seen: list[Any] = []
    values = iter([0.5, 0.9, 0.2])

    def validate(model: Any) -> float:
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return next(values)

    model, facts = train(rows, tmp_path / "kept", validate=validate, epochs=3.0, keep="best")
    assert facts["kept_epoch"] == 2.0
    assert all(torch.equal(value, seen[1][name]) for name, value in model.state_dict().items())


@pytest.mark.model
def test_a_loss_that_is_not_finite_is_told_with_its_step(rows: Any, tmp_path: Path) -> None:
    import torch

    model = tiny.model(1)
    with torch.no_grad():
        model.classifier.weight[0, 0] = float("nan")
    with pytest.raises(StageError) as raised:
        train(rows, tmp_path / "kept", model)
    assert raised.value.problem.code == "L150"
    assert "at step 1 of 80" in raised.value.problem.sentence
    assert "lower train.learning_rate" in raised.value.problem.hint


@pytest.mark.model
def test_a_checkpoint_of_another_training_or_a_torn_one_is_not_used(rows: Any, tmp_path: Path) -> None:
    import torch

    once, _ = train(rows, tmp_path / "kept", epochs=2.0, checkpoint_seconds=1e-6)
    _, facts = train(rows, tmp_path / "kept", epochs=3.0)
    assert facts["resumed_from_step"] == 0
    torn = next((tmp_path / "kept").glob("step-*")) / "state.safetensors"
    torn.write_bytes(torn.read_bytes()[:1000])
    again, facts = train(rows, tmp_path / "kept", epochs=2.0)
    assert facts["resumed_from_step"] == 0
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in once.state_dict().items())


@pytest.mark.model
def test_a_full_disk_keeps_the_checkpoint_before(rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import safetensors.torch

    from compactor.distillation import checkpoint
    from compactor.distillation.checkpoint import State

    state = State({"a": __import__("torch").zeros(3)}, {"step": 1, "identity": {}})
    checkpoint.save_state(tmp_path / "kept", state)

    def full(tensors: Any, path: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(StageError, match="disk is full"):
        checkpoint.save_state(tmp_path / "kept", State(state.tensors, {"step": 2, "identity": {}}))
    loaded = checkpoint.load_state(tmp_path / "kept", {})
    assert loaded is not None
    assert loaded.values["step"] == 1


@pytest.mark.model
def test_killed_at_random_moments_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    """The training under test has dropout, schedules, a learned projection and keeps the best epoch; it saves after every step."""

    def run(name: str, kill_after: float | None = None) -> bool:
        command = [
            sys.executable,
            "-m",
            "tests.distillation.train_tiny",
            *(str(tmp_path / part) for part in ("rows", name, f"{name}.bin")),
        ]
        process = subprocess.Popen(
            command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        assert process.stdout is not None
        if kill_after is not None:
            process.stdout.readline()
            time.sleep(kill_after)
            process.send_signal(signal.SIGKILL)
        return process.wait() == 0

    assert run("plain")
    generator, kills = random.Random(0), 0
    while kills < 4 and not run("killed", kill_after=generator.uniform(0.05, 0.6)):
        kills += 1
    assert kills or (tmp_path / "killed.bin").exists()
    if not (tmp_path / "killed.bin").exists():
        assert run("killed")
    assert (tmp_path / "killed.bin").read_bytes() == (tmp_path / "plain.bin").read_bytes()
