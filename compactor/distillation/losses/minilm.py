"""MiniLM (the first): the last layer's attention, and how its values relate to each other.

What: KL(teacher || student) of the attention distributions softmax(q kᵀ / sqrt(size)) plus that of the value relations
    softmax(v vᵀ / sqrt(size)), each the mean over heads and pieces. Widths may differ, head counts may not.
Source: Wang et al. 2020 (arXiv:2002.10957), section 3, equations 4 to 7.
Takes: query, key and value of one layer (rows, length, heads * size) of both models; mask (rows, length). Looks inside the teacher.
    Attention comes from recorded queries and keys. Padded pieces are left out as rows and as columns. Counts real pieces.
Neighbours: `minilm_relations` (v2) cuts heads anew, so head counts may differ; `tinybert` and `mobilebert` take every layer.

Example:
    - minilm: {weight: 1.0}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from compactor.distillation.losses._attention import relation_divergence, scores, unequal_heads
from compactor.distillation.losses._contract import Batch, Shape
from compactor.distillation.losses._one_layer import OneLayerLoss

if TYPE_CHECKING:
    from torch import Tensor


class Minilm(OneLayerLoss):
    """KL divergence of attention distributions and of value relations, teacher first."""

    def unfit(self, student: Shape, teacher: Shape) -> Iterator[str]:
        """Yield why the layers or the heads do not fit."""
        found = list(super().unfit(student, teacher))
        yield from found or unequal_heads(student, teacher, self.relation_layers(student, teacher))

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over real pieces of both divergences, number of real pieces)."""
        assert batch.teacher is not None
        (query, key, value), taught = self.relations(batch)
        ((layer, _),) = self.relation_layers(batch.student.shape, batch.teacher.shape)
        heads = batch.student.shape.heads[layer]
        attention = relation_divergence(scores(taught[0], taught[1], heads), scores(query, key, heads), batch.mask)
        values = relation_divergence(scores(taught[2], taught[2], heads), scores(value, value, heads), batch.mask)
        return (attention + values) / heads, self.count(batch.labels, batch.mask)
