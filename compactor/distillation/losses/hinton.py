"""Hinton's distillation: the student's tempered probabilities follow the teacher's.

What: tau² KL(softmax(t/tau) || softmax(z/tau)), summed over classes. tau² keeps the size of the gradient when tau changes. A true KL
    divergence, so it is zero where student and teacher agree. In the limit of a large tau it is ½ (z - t)² / C with centred logits.
Source: Hinton, Vinyals, Dean 2015 (arXiv:1503.02531), sections 2 and 2.1.
Takes: student and teacher logits (rows, labels) float32; labels are not used. Counts rows.
Neighbours: `cross_entropy` is its limit for a teacher that is always sure and right. `hidden_states` and `minilm_relations` teach what
    lies before the logits and are used beside it, not instead.

Example:
    - hinton: {temperature: 4, weight: {from: 0.9, to: 0.5}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import field_validator

from compactor.base.settings import setting
from compactor.distillation.losses._contract import Batch, Loss, Need
from compactor.distillation.schedules import Schedule, smallest, value_at

if TYPE_CHECKING:
    from torch import Tensor


class Hinton(Loss):
    """KL divergence of tempered probabilities, teacher first, times temperature squared."""

    needs: ClassVar[frozenset[Need]] = frozenset({"logits"})

    temperature: float | Schedule = setting(2.0, "how far the probabilities are evened out; 1 leaves them as they are")

    @field_validator("temperature")
    @classmethod
    def _positive(cls, value: float | Schedule) -> float | Schedule:
        if smallest(value) <= 0:
            raise ValueError("the temperature must be more than 0")
        return value

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over rows, their number)."""
        from torch.nn import functional as F

        assert batch.teacher is not None
        temperature = value_at(self.temperature, batch.progress)
        student = F.log_softmax(batch.student.logits / temperature, dim=-1)
        teacher = F.log_softmax(batch.teacher.logits / temperature, dim=-1)
        total = F.kl_div(student, teacher, reduction="sum", log_target=True) * temperature**2
        return total, len(student)
