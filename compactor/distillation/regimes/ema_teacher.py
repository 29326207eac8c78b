"""Mean teacher: the student learns from the running average of its own weights.

What: beside the other terms, weight * D(answer of the averaged weights || own). After step t the average is a θ' + (1 - a) θ with
    a = min(decay, 1 - 1 / (t + 1)), so that the first weights are soon forgotten. The averaged model answers without dropout.
Source: Tarvainen and Valpola 2017, Mean teachers are better role models (arXiv:1703.01780), section 2 and the authors' code for the first
    steps. The paper's cost is the squared difference of probabilities; here it is the task's own divergence (for classes tau² KL).
Takes: logits. Rows without a label count too: this is how unlabelled text teaches.
Neighbours: `mutual` (another student), `born_again` (a finished one).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from compactor.distillation.losses import Loss
from compactor.distillation.regimes.together import Companion, Seen, share
from compactor.distillation.schedules import Schedule, value_at
from compactor.models.feeding import fitting

PREFIX = "average:"


class EmaTeacher(Companion):
    """The averaged weights, held as buffers, hence in every checkpoint.

    Args:
        loss: the divergence between two answers.
        weight: of that divergence.
        decay: share of the old average that is kept at each step.
        keep: the average becomes the result, instead of the student.
    """

    names = ("ema_teacher",)
    steps: Tensor

    def __init__(self, *, loss: Loss, weight: float | Schedule, decay: float, keep: bool) -> None:
        super().__init__()
        self.loss, self.weight, self.decay, self.keep = loss, weight, decay, keep
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def counts(self, labels: Tensor, mask: Tensor, rows: np.ndarray) -> Tensor:
        """Return what the term will count."""
        return torch.tensor([float(self.loss.count(labels, mask))], dtype=torch.float64)

    def begin(self, student: nn.Module) -> None:
        """Start the average at the student's first weights."""
        for name, parameter in _trained(student):
            # A dot would make a buffer's name a path.
            self.register_buffer(PREFIX + name.replace(".", "|"), parameter.detach().clone())

    def forward(self, seen: Seen, counts: Sequence[float] | None) -> tuple[Tensor, list[Tensor]]:
        """Return the weighted divergence from the average's answer, and its mean."""
        was_training = seen.student.training
        seen.student.eval()
        with torch.no_grad():
            inputs = fitting(seen.student, seen.inputs)
            answer = seen.answers(torch.func.functional_call(seen.student, self._average(), kwargs=inputs).logits.float())
        seen.student.train(was_training)
        mean = share(*seen.compared(self.loss, seen.logits, answer), counts, 0)
        return value_at(self.weight, seen.progress) * mean, [mean.detach()]

    @torch.no_grad()
    def after_step(self, student: nn.Module) -> None:
        """Move the average towards the student's new weights."""
        self.steps += 1
        kept = min(self.decay, 1.0 - 1.0 / (int(self.steps) + 1))
        average = self._average()
        for name, parameter in _trained(student):
            average[name].mul_(kept).add_(parameter, alpha=1.0 - kept)

    @contextmanager
    def kept(self, student: nn.Module) -> Iterator[None]:
        """Put the average into the student while the block runs, if the average is what is kept."""
        if not self.keep:
            yield
            return
        own = {name: parameter.detach().clone() for name, parameter in _trained(student)}
        _fill(student, self._average())
        try:
            yield
        finally:
            _fill(student, own)

    def finish(self, student: nn.Module) -> None:
        """Put the average into the student, if the average is what is kept."""
        if self.keep:
            _fill(student, self._average())

    def _average(self) -> dict[str, Tensor]:
        found = dict(self.named_buffers())
        return {name[len(PREFIX) :].replace("|", "."): value for name, value in found.items() if name.startswith(PREFIX)}


def _trained(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


@torch.no_grad()
def _fill(model: nn.Module, values: dict[str, Tensor]) -> None:
    for name, parameter in _trained(model):
        parameter.copy_(values[name])
