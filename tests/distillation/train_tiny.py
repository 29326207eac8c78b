"""Started by test_trainer: trains a tiny model, slowly, with a checkpoint at every step, and writes its weights at the end."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from compactor.base.reporter import Bar, Reporter
from tests.distillation import tiny

STEP_SECONDS = 0.01


class _SlowBar(Bar):
    def advance(self, count: int = 1, **shown: Any) -> None:
        time.sleep(STEP_SECONDS)


class _Slow(Reporter):
    def bar(self, description: str, total: int, unit: str = "steps") -> Any:
        from contextlib import nullcontext

        print("training", flush=True)
        return nullcontext(_SlowBar())


def main(folder: Path, checkpoints: Path, result: Path) -> None:
    """Train by a teacher's logits and the labels, with dropout, a schedule, a running average, and the best epoch kept."""
    from safetensors.torch import save_file

    from compactor.distillation.evaluate import accuracy, predict
    from compactor.distillation.losses import parse_losses
    from compactor.distillation.objective import Objective, TeacherSignal
    from compactor.distillation.trainer import TrainSettings, fit

    data, student, teacher = tiny.rows(folder), tiny.model(1), tiny.model(2, hidden=24)
    losses = parse_losses(
        [
            {"hinton": {"temperature": 3, "weight": {"from": 0.9, "to": 0.2}}},
            {"cross_entropy": {"weight": 0.5}},
            {"hidden_states": {"weight": 0.1}},
        ]
    )
    signal = TeacherSignal(predict(teacher, data, threads=1), teacher)
    settings = TrainSettings(
        epochs=4.5,
        batch_size=8,
        learning_rate=5e-3,
        keep="best",
        piece_dropout=0.1,
        average=0.98,
        checkpoint_seconds=1e-6,
    )
    fit(
        student,
        data,
        Objective(losses, signal, student),
        settings,
        seed=5,
        threads=1,
        checkpoints=checkpoints,
        reporter=_Slow(),
        mask_id=4,
        validate=lambda current: accuracy(predict(current, data, threads=1), data.labels),
    )
    save_file({name: value.contiguous() for name, value in student.state_dict().items()}, result)


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
