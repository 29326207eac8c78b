"""Started by test_processes, once or several times together: trains a tiny model and writes its first gradients and last weights."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from compactor.base.reporter import Reporter
from compactor.distillation.launch import leading
from tests.distillation import tiny

OWN_LOSS = """
from compactor.base.settings import setting
from compactor.distillation.losses import Loss

class Longer(Loss):
    goal: float = setting(1.0, "length to reach")

    def __call__(self, batch):
        return (batch.student.logits.norm(dim=-1) - self.goal).square().sum(), len(batch.labels)
"""


def main(folder: Path, accumulate: int, optimizer: str, checkpoint_seconds: float) -> None:
    """Train by kept answers, labels (some rows have none), hidden states and a loss of the user's own; no dropout."""
    import torch
    from safetensors.torch import save_file
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    from compactor.distillation.evaluate import accuracy, predict
    from compactor.distillation.losses import parse_losses
    from compactor.distillation.objective import Objective, TeacherSignal
    from compactor.distillation.trainer import TrainSettings, fit

    data, student, teacher = tiny.rows(folder / "rows", unlabelled=0.4), tiny.model(1, dropout=0.0), tiny.model(2, hidden=24)
    np.save(folder / "logits.npy", predict(teacher, data, threads=1))
    (folder / "longer.py").write_text(OWN_LOSS)
    terms: list[Any] = [
        {"hinton": {"temperature": 3, "weight": 0.9}},
        {"cross_entropy": {"weight": 0.5}},
        {"hidden_states": {"weight": 0.1}},
        {"./longer.py": {"weight": 0.01, "goal": 2.0}},
    ]
    signal = TeacherSignal(np.load(folder / "logits.npy", mmap_mode="r"), teacher)
    objective = Objective(parse_losses(terms, (folder,)), signal, student)
    first: dict[str, Any] = {}

    def look(_optimizer: Any, _given: Any, _options: Any) -> None:
        if not first:
            named = [*student.named_parameters(prefix="model"), *objective.named_parameters(prefix="objective")]
            first.update({name: value.grad.clone() for name, value in named if value.grad is not None})

    register_optimizer_step_pre_hook(look)
    settings: Any = {"epochs": 2.5, "batch_size": 16, "learning_rate": 5e-3, "clip_norm": 0.0, "piece_dropout": 0.1}
    facts = fit(
        student,
        data,
        objective,
        TrainSettings(
            **settings,
            accumulate=accumulate,
            optimizer=optimizer,
            keep="best",
            checkpoint_seconds=checkpoint_seconds,
            precision="fp32",  # to compare gradients closely
        ),  # type: ignore[arg-type]
        seed=5,
        threads=2,
        checkpoints=folder / "checkpoints",
        reporter=Reporter(),
        mask_id=4,
        validate=lambda current: accuracy(predict(current, data, threads=1), data.labels),
    )
    weights = {f"weight/{name}": value.contiguous() for name, value in student.state_dict().items()}
    save_file(weights | {f"gradient/{name}": value for name, value in first.items()}, folder / "result.safetensors")
    losses = torch.tensor([line["loss"] for line in facts["curve"]])
    np.save(folder / "curve.npy", losses.numpy())
    print(f"processes {facts['processes']}", f"resumed {facts['resumed_from_step']}", flush=True)


if __name__ == "__main__":
    with leading() as leads:
        if leads:
            main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4]))
