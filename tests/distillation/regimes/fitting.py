"""Train a tiny student by any objective, as the regimes' tests do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compactor.base.reporter import Reporter

TEACHER_SEED = 2


def losses() -> Any:
    """Return a teacher's answers and the labels."""
    from compactor.distillation.losses import parse_losses

    return parse_losses([{"hinton": {"weight": 0.5}}, {"cross_entropy": {"weight": 0.5}}])


def signal(rows: Any) -> Any:
    """Return the kept answers of a random teacher."""
    from compactor.distillation.evaluate import predict
    from compactor.distillation.objective import TeacherSignal
    from tests.distillation import tiny

    return TeacherSignal(predict(tiny.model(TEACHER_SEED, hidden=24), rows, threads=1))


def kl(temperature: float = 1.0) -> Any:
    """Return the divergence between two classifiers."""
    from compactor.distillation.losses import LOSSES

    return LOSSES.load("hinton").model_validate({"temperature": temperature})


def train(model: Any, rows: Any, objective: Any, folder: Path, **settings: Any) -> dict[str, Any]:
    """Train in place; small steps, no dropout unless asked for, no decay."""
    from compactor.distillation.trainer import TrainSettings, fit

    given = {"epochs": 2.0, "batch_size": 8, "learning_rate": 5e-3, "dropout": 0.0, "weight_decay": 0.0, **settings}
    return fit(model, rows, objective, TrainSettings(**given), seed=0, threads=1, checkpoints=folder, reporter=Reporter())


def same(one: Any, other: Any) -> bool:
    """Whether two models have the same weights, bit for bit."""
    import torch

    first, second = one.state_dict(), other.state_dict()
    return all(torch.equal(value, second[name]) for name, value in first.items())
