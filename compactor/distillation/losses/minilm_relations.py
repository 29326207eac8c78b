"""MiniLM v2: how queries relate to queries, keys to keys and values to values, in one layer of each model.

What: the queries of a layer are cut anew into `heads` relation heads; softmax(q qᵀ / sqrt(size)) of the student follows the teacher's by
    KL(teacher || student), the same for keys and values. No width, head count or head size need be equal, and nothing is projected.
Source: Wang et al. 2021, MiniLMv2 (arXiv:2012.15828), section 3, equations 2 to 5.
Takes: query, key and value of one layer (rows, length, heads * size) of both models; mask (rows, length). Looks inside the teacher. Padded
    pieces are left out as rows and as columns. Counts real pieces; the mean over relation heads and the three relations is in the sum.
Neighbours: `minilm` is the first version: attention itself, and values. `hidden_states` compares the states themselves. Used beside
    `hinton`, or alone before it.

Example:
    - minilm_relations: {heads: 12, weight: 1.0}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from compactor.base.settings import setting
from compactor.distillation.losses._attention import relation_divergence, scores
from compactor.distillation.losses._contract import Batch, Shape
from compactor.distillation.losses._one_layer import OneLayerLoss

if TYPE_CHECKING:
    from torch import Tensor


class MinilmRelations(OneLayerLoss):
    """KL divergence of self-attention relations, teacher first."""

    heads: int = setting(12, "relation heads; they divide the inner width of both models evenly", ge=1)

    def unfit(self, student: Shape, teacher: Shape) -> Iterator[str]:
        """Yield why the layers or the heads do not fit."""
        missing = list(super().unfit(student, teacher))
        yield from missing
        if missing:
            return
        for who, shape, layer in (("student", student, self.student_layer), ("teacher", teacher, self.teacher_layer)):
            if shape.inner[layer] % self.heads:
                yield f"{self.heads} relation heads do not divide the {who}'s inner width {shape.inner[layer]}"

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over real pieces, number of real pieces)."""
        own, taught = self.relations(batch)
        total = batch.student.logits.new_zeros(())
        for student, teacher in zip(own, taught, strict=True):
            first, second = (scores(vectors, vectors, self.heads) for vectors in (teacher, student))
            total = total + relation_divergence(first, second, batch.mask)
        return total / (len(own) * self.heads), self.count(batch.labels, batch.mask)
