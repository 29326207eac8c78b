"""MobileBERT's transfer: the shape, the mean and the variance of feature maps, and attention, layer after layer.

What: the sum of four parts for each pair of layers. Feature map: mean squared error between states normalised over their channels. Mean
    and variance: squared difference of the states' means, absolute difference of their variances over the channels. Attention:
    KL(teacher || student) head by head. Each with its own weight; 0 leaves it out.
Source: Sun et al. 2020 (arXiv:2004.02984), section 3.4, equations 2 and 3; the feature map's split as in the authors' code, which weighs
    the four 100, 5000, 5 and 1. Its progressive transfer trains one layer at a time, those below frozen: with `progressive: true` pairs
    join one after the other, and those that joined stay in the sum instead of being frozen; `phases: [{layer_by_layer: true}]` freezes.
Takes: hidden states, queries and keys of both models; mask (rows, length). Equal widths in the paper; here a learned map for the
    normalised part when they differ. Equal numbers of heads, unless `attention: 0`. Looks inside the teacher. Counts pieces.
Neighbours: `hidden_states` compares states as they are, `minilm` attention in one layer only, `tinybert` attention before softmax.

Example:
    - mobilebert: {progressive: true, weight: 1.0}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from compactor.base.settings import setting
from compactor.distillation.losses._attention import relation_divergence
from compactor.distillation.losses._contract import Batch
from compactor.distillation.losses._layers import PROJECTION, Pair, over_pieces, states
from compactor.distillation.losses._states_and_attention import StatesAndAttention

if TYPE_CHECKING:
    from torch import Tensor


class Mobilebert(StatesAndAttention):
    """Normalised feature maps, their mean and variance, and attention distributions."""

    feature_map: float = setting(1.0, "weight of the normalised feature maps", ge=0)
    mean: float = setting(1.0, "weight of the states' means over channels", ge=0)
    variance: float = setting(1.0, "weight of the states' variances over channels", ge=0)
    attention: float = setting(1.0, "weight of the attention distributions", ge=0)

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over real pieces of the mean over pairs, number of real pieces)."""
        pairs = self.active(batch)
        total = batch.student.logits.new_zeros(())
        for pair in pairs:
            total = total + over_pieces(self._state_error(batch, pair), batch.mask)
            if self.attention:
                total = total + self.attention_part(batch, pair)
        return total / len(pairs), self.count(batch.labels, batch.mask)

    def _state_error(self, batch: Batch, pair: Pair) -> Tensor:
        """Return the weighted error of maps and statistics of each piece, (rows, length)."""
        from torch.nn import functional as F

        own, taught = states(batch, pair)
        mapped, _ = states(batch, pair, batch.parameters.get(PROJECTION))
        width = taught.shape[-1:]
        shapes = (F.layer_norm(mapped, width) - F.layer_norm(taught, width)).square().mean(dim=-1)
        means = (own.mean(dim=-1) - taught.mean(dim=-1)).square()
        spreads = (own.var(dim=-1, correction=0) - taught.var(dim=-1, correction=0)).abs()
        return self.feature_map * shapes + self.mean * means + self.variance * spreads

    def apart(self, teacher: Tensor, student: Tensor, mask: Tensor) -> Tensor:
        """Return KL(teacher || student) of the distributions."""
        return relation_divergence(teacher, student, mask)
