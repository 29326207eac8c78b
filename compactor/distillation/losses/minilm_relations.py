"""MiniLM v2: how queries relate to queries, keys to keys and values to values, in one layer of each model.

What: the queries of a layer are cut anew into `heads` relation heads; softmax(q qᵀ / sqrt(size)) of the student follows the teacher's by
    KL(teacher || student), the same for keys and values. No width, head count or head size need be equal, and nothing is projected.
Source: Wang et al. 2021, MiniLMv2 (arXiv:2012.15828), section 3, equations 2 to 5.
Takes: query, key and value of one layer (rows, length, heads * size) of both models; mask (rows, length). The teacher runs along. Padded
    pieces are left out as rows and as columns. Counts real pieces; the mean over relation heads and the three relations is in the sum.
Neighbours: `hidden_states` compares the states themselves. Used beside `hinton`, or alone before it.

Example:
    - minilm_relations: {heads: 12, weight: 1.0}
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from compactor.base.settings import setting
from compactor.distillation.losses._contract import Batch, Loss, Need, Shape

if TYPE_CHECKING:
    from torch import Tensor


class MinilmRelations(Loss):
    """KL divergence of self-attention relations, teacher first."""

    needs: ClassVar[frozenset[Need]] = frozenset({"relations"})

    heads: int = setting(12, "relation heads; they divide the inner width of both models evenly", ge=1)
    student_layer: int = setting(-1, "the student's layer, from 0; -1 is the last")
    teacher_layer: int = setting(-1, "the teacher's layer, from 0; -1 is the last")

    @property
    def relation_layers(self) -> tuple[int, int]:
        """Return (student's layer, teacher's layer)."""
        return self.student_layer, self.teacher_layer

    def unfit(self, student: Shape, teacher: Shape) -> Iterator[str]:
        """Yield why the layers or the heads do not fit."""
        for who, shape, layer in (("student", student, self.student_layer), ("teacher", teacher, self.teacher_layer)):
            if not -shape.layers <= layer < shape.layers:
                yield f"{who}_layer is {layer}, the {who} has {shape.layers} layers"
            elif shape.inner[layer] % self.heads:
                yield f"{self.heads} relation heads do not divide the {who}'s inner width {shape.inner[layer]}"

    def count(self, labels: Tensor, mask: Tensor) -> Tensor:
        """Return the number of real pieces."""
        return mask.sum()

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over real pieces, number of real pieces)."""
        assert batch.teacher is not None
        own, taught = batch.student.relations[self.student_layer], batch.teacher.relations[self.teacher_layer]
        total = own[0].new_zeros(())
        for student, teacher in zip(own, taught, strict=True):
            total = total + self._divergence(student, teacher, batch.mask)
        return total / (len(own) * self.heads), self.count(batch.labels, batch.mask)

    def _divergence(self, student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
        """Return the sum of KL(teacher || student) over real pieces and relation heads."""
        first, second = self._relation(teacher, mask), self._relation(student, mask)
        columns = mask[:, None, None, :].bool()
        # exp(-inf) * (-inf + inf) would be NaN: padded columns are taken out before they are multiplied.
        terms = (first.exp() * (first - second)).masked_fill(~columns, 0.0)
        return (terms.sum(dim=-1) * mask[:, None, :]).sum()

    def _relation(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Return log softmax(v vᵀ / sqrt(size)), (rows, relation heads, length, length), padded columns at a very low value."""
        rows, length, width = vectors.shape
        heads = vectors.float().view(rows, length, self.heads, width // self.heads).transpose(1, 2)
        scores = heads @ heads.transpose(-1, -2) / math.sqrt(width // self.heads)
        return scores.masked_fill(mask[:, None, None, :] == 0, -1e9).log_softmax(dim=-1)
