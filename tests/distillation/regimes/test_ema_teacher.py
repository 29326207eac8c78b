"""The mean teacher: the average of the student's own weights teaches along."""

from __future__ import annotations

import os
import signal as signals
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.distillation import tiny
from tests.distillation.regimes.fitting import kl, losses, same, signal, train

REPOSITORY = Path(__file__).parents[3]
pytestmark = pytest.mark.model


def together(rows: Any, student: Any, **options: Any) -> Any:
    from compactor.distillation.objective import Objective
    from compactor.distillation.regimes.ema_teacher import EmaTeacher
    from compactor.distillation.regimes.together import Together

    given = {"loss": kl(), "weight": 1.0, "decay": 0.9, "keep": False, **options}
    return Together(Objective(losses(), signal(rows), student), [EmaTeacher(**given)])


def test_the_average_follows_its_formula() -> None:
    import torch

    from compactor.distillation.regimes.ema_teacher import EmaTeacher

    model = torch.nn.Linear(1, 1, bias=False)
    values = [1.0, 2.0, 5.0, -3.0]
    ema = EmaTeacher(loss=kl(), weight=1.0, decay=0.6, keep=True)
    model.weight.data.fill_(values[0])
    ema.begin(model)
    expected = values[0]
    for step, value in enumerate(values[1:], start=1):
        model.weight.data.fill_(value)
        ema.after_step(model)
        share = min(0.6, 1 - 1 / (step + 1))
        expected = share * expected + (1 - share) * value
    with ema.kept(model):
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == values[-1]
    ema.finish(model)
    assert model.weight.item() == pytest.approx(expected)


def test_the_first_step_has_nothing_to_learn_from_itself(rows: Any, tmp_path: Path) -> None:
    student = tiny.model(1)
    facts = train(student, rows, together(rows, student), tmp_path / "a", log_steps=1)
    curve = [line["parts"]["ema_teacher"] for line in facts["curve"]]
    assert curve[0] == pytest.approx(0.0, abs=1e-6)
    assert max(curve[1:]) > 1e-5


def test_without_weight_nothing_changes_and_the_average_can_be_kept(rows: Any, tmp_path: Path) -> None:
    from compactor.distillation.objective import Objective

    with_average, alone, average = tiny.model(1), tiny.model(1), tiny.model(1)
    train(with_average, rows, together(rows, with_average, weight=0.0), tmp_path / "a")
    train(alone, rows, Objective(losses(), signal(rows), alone), tmp_path / "b")
    train(average, rows, together(rows, average, weight=0.0, keep=True), tmp_path / "c")
    assert same(with_average, alone)
    assert not same(average, alone)
    assert average.get_input_embeddings().num_embeddings == tiny.PIECES


def test_what_is_validated_is_what_would_be_kept(rows: Any, tmp_path: Path) -> None:
    from compactor.base.reporter import Reporter
    from compactor.distillation.trainer import TrainSettings, fit

    student, seen = tiny.model(1), []
    settings = TrainSettings(epochs=3.0, batch_size=8, learning_rate=5e-3)
    fit(
        student,
        rows,
        together(rows, student, keep=True),
        settings,
        seed=0,
        threads=1,
        checkpoints=tmp_path / "a",
        reporter=Reporter(),
        validate=lambda model: float(seen.append(model.classifier.weight.detach().clone()) or 0.0),
    )
    assert (seen[-1] == student.classifier.weight).all()


def test_killed_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    """The average lies in the checkpoint: a training with an averaged teacher, a peer and exits is killed and goes on."""

    def run(name: str, kill_after: float | None = None) -> bool:
        folders = [str(tmp_path / part) for part in ("rows", name, f"{name}.bin")]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.distillation.regimes.train_companions", *folders],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert process.stdout is not None
        if kill_after is not None:
            process.stdout.readline()
            time.sleep(kill_after)
            process.send_signal(signals.SIGKILL)
        return process.wait() == 0

    assert run("plain")
    for seconds in (0.4, 0.7):
        run("killed", kill_after=seconds)
    resumed = any((tmp_path / "killed").glob("step-*"))
    if not (tmp_path / "killed.bin").exists():
        assert run("killed")
    assert resumed
    assert (tmp_path / "killed.bin").read_bytes() == (tmp_path / "plain.bin").read_bytes()
