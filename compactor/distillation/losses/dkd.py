"""Decoupled distillation: Hinton's loss taken apart, and its two parts weighed freely.

What: tau² (target_weight TCKD + other_weight NCKD). TCKD is the KL divergence of two events, the row's class and all others together: how
    sure to be. NCKD is that of the other classes among themselves: what the row resembles. Hinton's loss is TCKD + (1 - p) NCKD with p
    the teacher's probability of the class, so a sure teacher hides what NCKD has to tell. The row's class is its label; without a label,
    the teacher's answer.
Source: Zhao et al. 2022 (arXiv:2203.08679), equations 4 to 7; target_weight and other_weight are its alpha and beta, 1 and 8 at tau = 4.
    The paper lets the weight rise in the first epochs: `weight: {from: 1, to: 1, warmup: 0.1}`.
Takes: student and teacher logits (rows, labels) float32, at least three labels: with two there is one other class, and NCKD is nothing.
    labels (rows,). Worked out in logarithms; no class is masked by a large number. Counts rows.
Neighbours: `hinton` is the sum with weights 1 and 1 - p.

Example:
    - dkd: {temperature: 4, other_weight: 2, weight: {from: 1, to: 1, warmup: 0.1}}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from compactor.base.settings import setting
from compactor.distillation.losses._answers import AnswerLoss, Temperature, kl, log_pair, own_or_best
from compactor.distillation.losses._contract import Batch, Need, Shape
from compactor.distillation.schedules import value_at

if TYPE_CHECKING:
    from torch import Tensor


class Dkd(AnswerLoss):
    """KL divergence of the row's class against the rest, and among the rest, each with its own weight, times temperature squared."""

    needs: ClassVar[frozenset[Need]] = frozenset({"logits", "labels"})

    temperature: Temperature = setting(4.0, "how far the probabilities are evened out; 1 leaves them as they are")
    target_weight: float = setting(1.0, "weight of how sure to be of the row's class (the paper's alpha)", ge=0)
    other_weight: float = setting(8.0, "weight of what the other classes are among themselves (the paper's beta)", ge=0)

    def unfit(self, student: Shape, teacher: Shape) -> Iterator[str]:
        """Yield that the answers cannot be compared, or that two classes are too few."""
        yield from super().unfit(student, teacher)
        if 0 < student.labels < 3:
            yield f"with {student.labels} labels there are no other classes to compare among themselves; use hinton"

    def values(self, batch: Batch) -> Tensor:
        """Return the weighted sum of both parts of each row, times the temperature squared."""
        target, other = self.parts(batch, value_at(self.temperature, batch.progress))
        return self.target_weight * target + self.other_weight * other

    def parts(self, batch: Batch, temperature: float) -> tuple[Tensor, Tensor]:
        """Return (TCKD, NCKD) of each row, (rows,) each, both times the temperature squared."""
        import torch

        assert batch.teacher is not None
        pair = log_pair(batch, temperature)
        classes = own_or_best(batch.labels, batch.teacher.logits).unsqueeze(-1)
        others = torch.arange(pair[0].shape[-1] - 1, device=classes.device)
        others = others + (others >= classes)  # all classes but the row's, (rows, labels - 1)
        binary, among = [], []
        for logs in pair:
            rest = logs.gather(-1, others)
            binary.append(torch.cat([logs.gather(-1, classes), rest.logsumexp(dim=-1, keepdim=True)], dim=-1))
            among.append(rest.log_softmax(dim=-1))
        return kl(*binary) * temperature**2, kl(*among) * temperature**2
