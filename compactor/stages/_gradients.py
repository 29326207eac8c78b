"""The losses whose gradients score what is to be cut: summed over calibration rows, on labels or on the teacher's answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from compactor.base.errors import StageError
from compactor.distillation.losses import parse_losses
from compactor.distillation.objective import Objective
from compactor.models.feeding import feed
from compactor.stages._inputs import encoded
from compactor.stages._teachers import teacher_signal

if TYPE_CHECKING:
    import numpy as np

    from compactor.stages._contract import Work

LEAST_LOSS = 1e-6


def row_losses(
    work: Work, model: Any, tokenizer: Path, batches: Sequence[np.ndarray], which: Literal["labels", "teacher"]
) -> list[Callable[[Any], Tensor]]:
    """Return one function a batch, from a model to the sum of its rows' losses.

    Args:
        work: gives rows, labels and the teacher's answers.
        model: asked for its shape.
        tokenizer: folder whose tokenizer the model reads with.
        batches: rows of `train` by their numbers.
        which: the task's own loss on labels, or on the teacher's answers (for logits Hinton's at temperature 1).

    Raises:
        StageError: K220, the model agrees with the teacher.
    """
    task = work.task
    name = task.label_loss if which == "labels" else task.teacher_loss
    assert name is not None  # said at validation
    terms = parse_losses([{name: {"temperature": 1.0} if name == "hinton" else {}}])
    objective = Objective(terms, teacher_signal(work, terms), model)
    rows = encoded(work, tokenizer)

    def loss_of(numbers: np.ndarray) -> Callable[[Any], Tensor]:
        def loss(current: Any) -> Tensor:
            batch = rows.batch(numbers)
            labels = torch.from_numpy(batch["labels"])
            # A count of 1 in the place of the number of rows leaves the sum.
            total: Tensor
            total, _ = objective(current, feed(current, batch), labels, rows.answer_rows(numbers), 0.0, counts=[1.0])
            return total

        return loss

    losses = [loss_of(numbers) for numbers in batches]
    if which == "teacher":
        _check_differs(losses, model, sum(map(len, batches)))
    return losses


def _check_differs(losses: Sequence[Callable[[Any], Tensor]], model: Any, rows: int) -> None:
    """Refuse gradients that are rounding errors: where a model agrees with its teacher, the loss is at its least."""
    with torch.no_grad():
        model.eval()
        mean = sum(float(loss(model)) for loss in losses) / rows
    if mean < LEAST_LOSS:
        sentence = (
            f"the model agrees with the teacher (a loss of {mean:.1g} a row), so that taylor scores would be rounding errors"
        )
        raise StageError("K220", sentence, "set prune.gradients: labels, or use importance: wanda")
