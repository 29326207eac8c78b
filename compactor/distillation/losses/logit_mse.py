"""Mean squared error of logits: the student's numbers follow the teacher's, with no temperature.

What: mean over the labels of (z - t)². With `centred: true` each row's mean is taken off both sides first: softmax does not see it, and a
    student need not learn it. Half of the centred form is what `hinton` tends to at a high temperature.
Source: Ba and Caruana 2014 (arXiv:1312.6184), equation 1; Bucila et al. 2006. DistilBERT's code (`alpha_mse`) sums over the labels instead.
Takes: student and teacher logits (rows, labels) float32; no labels. Counts rows. Dividing by the labels is the formula's own mean.
Neighbours: `hinton` weighs the classes by how likely they are, this does not. It is the one loss here for regression and embeddings,
    where the numbers themselves are the answer (never centred there).

Example:
    - logit_mse: {centred: true, weight: 0.5}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from compactor.base.settings import setting
from compactor.distillation.losses._answers import unequal_answers
from compactor.distillation.losses._contract import Batch, Loss, Need, Shape

if TYPE_CHECKING:
    from torch import Tensor


class LogitMse(Loss):
    """Mean squared error between the logits of student and teacher."""

    needs: ClassVar[frozenset[Need]] = frozenset({"logits"})

    centred: bool = setting(False, "take each row's mean off first; right where softmax follows")

    def unfit(self, student: Shape, teacher: Shape) -> Iterator[str]:
        """Yield that the answers cannot be compared, or that one number cannot be centred."""
        yield from unequal_answers(student, teacher)
        if self.centred and student.labels == 1:
            yield "one number less its own mean is nothing; leave out centred"

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over rows of the mean over labels, number of rows)."""
        assert batch.teacher is not None
        gap = batch.student.logits - batch.teacher.logits
        if self.centred:
            gap = gap - gap.mean(dim=-1, keepdim=True)
        return gap.square().mean(dim=-1).sum(), len(gap)
