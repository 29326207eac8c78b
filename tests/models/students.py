"""Tiny students without layers, made by hand or grown from a tiny teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compactor.models.students import build_student
from compactor.tasks import TASKS
from tests.distillation import tiny
from tests.models import folders

TASK = TASKS.load("text-classification")()


def static(seed: int = 0, **shape: Any) -> Any:
    """Return a static model with random numbers everywhere, in eval(); piece weights included."""
    import torch

    from compactor.models.static_model import StaticConfig, StaticForSequenceClassification

    torch.manual_seed(seed)
    config = {"vocab_size": 30, "hidden_size": 6, "head": 5, "num_labels": 3, "piece_weights": True, "dropout": 0.5, **shape}
    model = StaticForSequenceClassification(StaticConfig(**config)).eval()
    if model.weights is not None:
        with torch.no_grad():
            model.weights.uniform_(0.1, 2.0)
    return model


def conv(seed: int = 0, **shape: Any) -> Any:
    """Return a convolutional model with random numbers, in eval()."""
    import torch

    from compactor.models.conv_model import ConvConfig, ConvForSequenceClassification

    torch.manual_seed(seed)
    config = {"vocab_size": 30, "hidden_size": 4, "widths": [1, 3], "filters": 5, "num_labels": 3, "dropout": 0.5, **shape}
    return ConvForSequenceClassification(ConvConfig(**config)).eval()


def grown(folder: Path, settings: Any) -> tuple[Any, Any]:
    """Write a tiny teacher's folder and build a student from it; return (student, facts)."""
    import numpy as np

    teacher = folders.write_model(folder)
    rows = tiny.rows(folder / "rows")
    return build_student(teacher, settings, task=TASK, batches=[rows.batch(np.arange(60))], tokenizer=folder)


def answer(model: Any, rows: list[list[int]], length: int | None = None, pad: int = 0) -> Any:
    """Return logits of rows of ids, padded at the end to a length."""
    import torch

    longest = length or max(len(row) for row in rows)
    ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows])
    with torch.no_grad():
        return model(input_ids=ids).logits
