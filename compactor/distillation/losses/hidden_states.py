"""The student's states follow the teacher's: squared error or cosine, after a learned projection when the widths differ.

What: `mse` is ||W h_student - h_teacher||² / width of the teacher; `cosine` is 1 - cos(W h_student, h_teacher). Summed over real pieces.
    W is trained along and dropped at the end; all pairs share it (as in TinyBERT), or each has its own.
Source: Romero et al. 2015, FitNets (arXiv:1412.6550), equation 3; Jiao et al. 2020, TinyBERT (arXiv:1909.10351), equation 8; the cosine,
    on the last layer, Sanh et al. 2019, DistilBERT (arXiv:1910.01108), section 3.
Takes: hidden states (rows, length, width) of both models; mask (rows, length). Looks inside the teacher. Counts pieces, not rows: padding
    would otherwise be trained.
Neighbours: `tinybert` adds attention scores, `patient_kd` takes the first piece alone, `mobilebert` compares normalised states and their
    statistics, `fitnets` is one pair in the middle, `minilm_relations` needs no projection. Used beside `hinton`, which teaches the answer.

Example:
    - hidden_states: {layers: last, compare: cosine, weight: 0.5}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from compactor.base.settings import setting
from compactor.distillation.losses._contract import Batch, Shape
from compactor.distillation.losses._layers import PROJECTION, LayerLoss, Pair, over_pieces, states

if TYPE_CHECKING:
    from torch import Tensor


class HiddenStates(LayerLoss):
    """Distance between states of the student and the teacher."""

    compare: Literal["mse", "cosine"] = setting("mse", "mean squared error, or one minus the cosine")
    projection: Literal["shared", "each"] = setting(
        "shared", "when widths differ: one learned map for all pairs, or one for each"
    )
    embeddings: bool = setting(False, "compare the embeddings' outputs too")

    def pairs(self, student: int, teacher: int) -> list[Pair]:
        """Return which states are compared, (student's, teacher's), counted from the embeddings' 0."""
        return [(0, 0)] * self.embeddings + super().pairs(student, teacher)

    def parameters(self, student: Shape, teacher: Shape) -> dict[str, tuple[int, int]]:
        """Return the projection or projections, when the widths differ."""
        shared = super().parameters(student, teacher)
        if self.projection == "shared" or not shared:
            return shared
        return {_name(pair): shared[PROJECTION] for pair in self.pairs(student.layers, teacher.layers)}

    def count(self, labels: Tensor, mask: Tensor) -> Tensor:
        """Return the number of real pieces."""
        return mask.sum()

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over real pieces of the mean over pairs, number of real pieces)."""
        import torch
        from torch.nn import functional as F

        values = []
        for pair in self.active(batch):
            own, taught = states(batch, pair, _projection(batch, pair))
            if self.compare == "mse":
                values.append((own - taught).square().mean(dim=-1))
            else:
                values.append(1.0 - F.cosine_similarity(own, taught, dim=-1))
        return over_pieces(torch.stack(values).mean(dim=0), batch.mask), self.count(batch.labels, batch.mask)


def _name(pair: Pair) -> str:
    return f"{PROJECTION}-{pair[0]}-{pair[1]}"


def _projection(batch: Batch, pair: Pair) -> Tensor | None:
    return batch.parameters.get(PROJECTION, batch.parameters.get(_name(pair)))
