"""FitNets hints: a layer in the middle of the student guesses one in the middle of the teacher, through a learned regressor.

What: ½ ||W h_student - h_teacher||² / width of the teacher, for one pair of layers, over real pieces. The regressor W is there even when
    the widths are equal, and is dropped at the end.
Source: Romero et al. 2015 (arXiv:1412.6550), equation 3 and algorithm 1: hints come first, distillation after. One training does both
    with `weight: {from: 1, to: 0, shape: constant, until: 0.3}`. The paper's loss is not divided by the width; here it is, so that
    one weight serves models of any width.
Takes: one hidden state (rows, length, width) of each model; mask (rows, length). Looks inside the teacher. Counts pieces.
Neighbours: `hidden_states` for any number of pairs, and without W where the widths are equal.

Example:
    - fitnets: {weight: {from: 1, to: 0, shape: constant, until: 0.3}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from compactor.base.settings import setting
from compactor.distillation.losses._contract import Batch, Shape
from compactor.distillation.losses._layers import PROJECTION, LayerChoice, LayerLoss, over_pieces, states

if TYPE_CHECKING:
    from torch import Tensor


class Fitnets(LayerLoss):
    """Half the mean squared error between a hint of the teacher and what a regressor makes of the student's guided layer."""

    layers: LayerChoice = setting("middle", "the pair of layers: middle, last, or [[student's, teacher's]], counted from 1")

    def parameters(self, student: Shape, teacher: Shape) -> dict[str, tuple[int, int]]:
        """Return the regressor."""
        return {PROJECTION: (teacher.hidden, student.hidden)}

    def count(self, labels: Tensor, mask: Tensor) -> Tensor:
        """Return the number of real pieces."""
        return mask.sum()

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over real pieces of the mean over pairs, number of real pieces)."""
        import torch

        values = []
        for pair in self.active(batch):
            own, taught = states(batch, pair, batch.parameters[PROJECTION])
            values.append(0.5 * (own - taught).square().mean(dim=-1))
        return over_pieces(torch.stack(values).mean(dim=0), batch.mask), self.count(batch.labels, batch.mask)
