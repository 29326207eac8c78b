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

from typing import TYPE_CHECKING

from compactor.base.settings import setting
from compactor.distillation.losses._attention import score_error
from compactor.distillation.losses._contract import Batch, Shape
from compactor.distillation.losses._layers import PROJECTION, Pair, over_pieces, states
from compactor.distillation.losses._states_and_attention import StatesAndAttention

if TYPE_CHECKING:
    from torch import Tensor

EMBEDDINGS = "embeddings"


class Tinybert(StatesAndAttention):
    """Mean squared errors of embeddings, hidden states and attention scores."""

    attention: float = setting(1.0, "weight of the attention scores", ge=0)
    hidden: float = setting(1.0, "weight of the hidden states", ge=0)
    embeddings: float = setting(1.0, "weight of the embeddings' outputs", ge=0)

    def parameters(self, student: Shape, teacher: Shape) -> dict[str, tuple[int, int]]:
        """Return two maps, when the widths differ: the embeddings' own and the layers'."""
        shared = super().parameters(student, teacher)
        return shared | {EMBEDDINGS: shared[PROJECTION]} if shared else {}

    def teacher_states(self, student: Shape, teacher: Shape) -> list[int]:
        """Return the embeddings' outputs and the states of all pairs."""
        return [0, *super().teacher_states(student, teacher)]

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over real pieces, number of real pieces)."""
        pairs = self.active(batch)
        total = self.embeddings * _error(batch, (0, 0), EMBEDDINGS)
        for pair in pairs:
            total = total + self.hidden * _error(batch, pair, PROJECTION) / len(pairs)
            if self.attention:
                total = total + self.attention_part(batch, pair) / len(pairs)
        return total, self.count(batch.labels, batch.mask)

    def apart(self, teacher: Tensor, student: Tensor, mask: Tensor) -> Tensor:
        """Return the squared error of the scores."""
        return score_error(teacher, student, mask)


def _error(batch: Batch, pair: Pair, matrix: str) -> Tensor:
    own, taught = states(batch, pair, batch.parameters.get(matrix))
    return over_pieces((own - taught).square().mean(dim=-1), batch.mask)
