"""Distillation of labels that do not exclude each other: each one is a coin, and the student's coins follow the teacher's.

What: tau² Σ over labels of KL(Bernoulli(sigmoid(t/tau)) || Bernoulli(sigmoid(z/tau))). Softmax over labels that may hold together would
    teach that they compete.
Source: the KL divergence of independent events, which is the sum of theirs; as a loss for multi-label distillation, Yang et al. 2023
    (arXiv:2308.06453), section 3.2, which takes each label as a binary problem.
Takes: student and teacher logits (rows, labels) float32; no labels. In logarithms of the sigmoid, so a sure teacher is no trouble. Summed
    over labels, not divided by their number. Counts rows.
Neighbours: `hinton` for labels of which one holds; equal to it for two classes when the logit here is the difference of the two there.
    `binary_cross_entropy` is its limit for a teacher that is always sure and right.

Example:
    - bernoulli: {temperature: 2, weight: 0.9}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from compactor.base.settings import setting
from compactor.distillation.losses._answers import Temperature, kl, unequal_answers
from compactor.distillation.losses._contract import Batch, Loss, Need, Shape
from compactor.distillation.schedules import value_at

if TYPE_CHECKING:
    from torch import Tensor


class Bernoulli(Loss):
    """KL divergence of tempered probabilities of each label, teacher first, times temperature squared."""

    needs: ClassVar[frozenset[Need]] = frozenset({"logits"})
    label_kinds: ClassVar[frozenset[str] | None] = frozenset({"classes"})

    temperature: Temperature = setting(2.0, "how far the probabilities are evened out; 1 leaves them as they are")

    def unfit(self, student: Shape, teacher: Shape) -> Iterator[str]:
        """Yield that the answers cannot be compared."""
        yield from unequal_answers(student, teacher)

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over rows and labels, number of rows)."""
        import torch
        from torch.nn import functional as F

        assert batch.teacher is not None
        temperature = value_at(self.temperature, batch.progress)

        def events(logits: Tensor) -> Tensor:
            return torch.stack([F.logsigmoid(logits / temperature), F.logsigmoid(-logits / temperature)], dim=-1)

        values = kl(events(batch.teacher.logits), events(batch.student.logits))
        return values.sum() * temperature**2, len(values)
