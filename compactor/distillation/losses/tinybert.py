"""TinyBERT's transfer inside the encoder: embeddings, hidden states and attention scores together.

What: the sum of three mean squared errors: of the embeddings' outputs and of the hidden states, each after a learned map when the widths
    differ, and of the attention scores before softmax, head by head, over real columns. Each with its own weight; 0 leaves it out.
Source: Jiao et al. 2020 (arXiv:1909.10351), equations 7 to 9; layer m of the student follows layer m * M / N of the teacher (`uniform`),
    its attention that of the same layer. The paper adds up the layers, this takes their mean. Its second stage, on the logits, is
    `hinton` at temperature 1: in one training by `weight: {from: 1, to: 0, shape: constant, until: 0.5}` here and `since` there.
Takes: hidden states, queries and keys of both models; mask (rows, length). Equal numbers of heads, unless `attention: 0`. The teacher runs
    along. The scores come from recorded queries and keys, padded ones left out; attention outputs are not needed. Counts pieces.
Neighbours: `hidden_states` is its middle part; `minilm` and `mobilebert` compare attention after softmax.

Example:
    - tinybert: {attention: 1, hidden: 1, embeddings: 1, weight: 0.5}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from compactor.base.settings import setting
from compactor.distillation.losses._attention import score_error, scores, unequal_heads
from compactor.distillation.losses._contract import Batch, Need, Shape
from compactor.distillation.losses._layers import PROJECTION, LayerLoss, Pair, over_pieces, states

if TYPE_CHECKING:
    from torch import Tensor

EMBEDDINGS = "embeddings"


class Tinybert(LayerLoss):
    """Mean squared errors of embeddings, hidden states and attention scores."""

    needs: ClassVar[frozenset[Need]] = frozenset({"hidden_states", "relations"})
    from_zero: ClassVar[bool] = False

    attention: float = setting(1.0, "weight of the attention scores", ge=0)
    hidden: float = setting(1.0, "weight of the hidden states", ge=0)
    embeddings: float = setting(1.0, "weight of the embeddings' outputs", ge=0)

    def wants(self) -> frozenset[Need]:
        """Return that queries and keys are wanted only where attention is compared."""
        return self.needs if self.attention else self.needs - {"relations"}

    def relation_layers(self, student: Shape, teacher: Shape) -> list[Pair]:
        """Return the layers, from 0, whose attention is compared."""
        pairs = self.pairs(student.layers, teacher.layers) if self.attention else []
        return [(own - 1, taught - 1) for own, taught in pairs]

    def unfit(self, student: Shape, teacher: Shape) -> Iterator[str]:
        """Yield why the layers or the heads do not fit."""
        found = list(super().unfit(student, teacher))
        yield from found or unequal_heads(student, teacher, self.relation_layers(student, teacher))

    def parameters(self, student: Shape, teacher: Shape) -> dict[str, tuple[int, int]]:
        """Return two maps, when the widths differ: the embeddings' own and the layers'."""
        shared = super().parameters(student, teacher)
        return shared | {EMBEDDINGS: shared[PROJECTION]} if shared else {}

    def count(self, labels: Tensor, mask: Tensor) -> Tensor:
        """Return the number of real pieces."""
        return mask.sum()

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over real pieces, number of real pieces)."""
        pairs = self.active(batch)
        total = self.embeddings * _error(batch, (0, 0), EMBEDDINGS)
        for pair in pairs:
            total = total + self.hidden * _error(batch, pair, PROJECTION) / len(pairs)
            if self.attention:
                total = total + self.attention * self._attention_error(batch, pair) / len(pairs)
        return total, self.count(batch.labels, batch.mask)

    def _attention_error(self, batch: Batch, pair: Pair) -> Tensor:
        assert batch.teacher is not None
        own, taught = batch.student.relations[pair[0] - 1], batch.teacher.relations[pair[1] - 1]
        heads = batch.student.shape.heads[pair[0] - 1]
        return score_error(scores(taught[0], taught[1], heads), scores(own[0], own[1], heads), batch.mask) / heads


def _error(batch: Batch, pair: Pair, matrix: str) -> Tensor:
    own, taught = states(batch, pair, batch.parameters.get(matrix))
    return over_pieces((own - taught).square().mean(dim=-1), batch.mask)
