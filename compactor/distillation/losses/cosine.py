"""Embeddings point where the teacher's point: one minus their cosine.

What: 1 - z·t / (|z| |t|). Half the squared distance of the two after each is divided by its length, so it is the mean squared error of
    normalised embeddings without their dimension in the denominator.
Source: Reimers and Gurevych 2020 (arXiv:2004.09813), section 2, who take the mean squared error of embeddings; the cosine is what
    neighbours are searched by.
Takes: student and teacher embeddings as logits (rows, dimension) float32, of one dimension; no labels. Counts rows.
Neighbours: `logit_mse` also follows lengths. `relational` compares how the rows of a batch lie to each other, for which the dimensions
    need not be equal.

Example:
    - cosine: {weight: 1.0}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from compactor.distillation.losses._answers import unequal_answers
from compactor.distillation.losses._contract import Batch, Loss, Need, Shape

if TYPE_CHECKING:
    from torch import Tensor


class Cosine(Loss):
    """One minus the cosine of the student's embedding and the teacher's."""

    needs: ClassVar[frozenset[Need]] = frozenset({"logits"})
    label_kinds: ClassVar[frozenset[str] | None] = frozenset({"vector"})

    def unfit(self, student: Shape, teacher: Shape) -> Iterator[str]:
        """Yield that the two embeddings are of unequal dimensions."""
        yield from unequal_answers(student, teacher)

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over rows, number of rows)."""
        from torch.nn import functional as F

        assert batch.teacher is not None
        student, teacher = (F.normalize(outputs.logits, dim=-1) for outputs in (batch.student, batch.teacher))
        # As half a squared distance: one minus a product near one would lose its last digits.
        return (student - teacher).square().sum() / 2, len(student)
