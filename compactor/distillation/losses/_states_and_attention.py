"""Losses that compare hidden states and, head by head, attention of the same pairs of layers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from compactor.distillation.losses._attention import scores, unequal_heads
from compactor.distillation.losses._contract import Batch, Need, Shape
from compactor.distillation.losses._layers import LayerLoss, Pair

if TYPE_CHECKING:
    from torch import Tensor


class StatesAndAttention(LayerLoss):
    """A loss on the states of layers and on their attention; with `attention: 0` head counts may differ, and none is recorded.

    Attributes:
        attention: weight of the attention part, a setting of each loss.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"hidden_states", "relations"})
    from_zero: ClassVar[bool] = False

    attention: float

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

    def count(self, labels: Tensor, mask: Tensor) -> Tensor:
        """Return the number of real pieces."""
        return mask.sum()

    @abstractmethod
    def apart(self, teacher: Tensor, student: Tensor, mask: Tensor) -> Tensor:
        """Return how far scores (rows, heads, length, length) are apart, summed over heads and real pieces."""

    def attention_part(self, batch: Batch, pair: Pair) -> Tensor:
        """Return how far the attention of a pair of layers is apart: the mean over heads, summed over real pieces, weighted."""
        assert batch.teacher is not None
        own, taught = batch.student.relations[pair[0] - 1], batch.teacher.relations[pair[1] - 1]
        heads = batch.student.shape.heads[pair[0] - 1]
        apart = self.apart(scores(taught[0], taught[1], heads), scores(own[0], own[1], heads), batch.mask)
        return self.attention * apart / heads
