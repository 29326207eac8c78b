"""Patient distillation: the first piece's states below the last layer follow the teacher's, in direction alone.

What: ||a/|a| - b/|b| ||² of the first piece's state (the one that a classifier reads), the mean over pairs of layers. It is 2 (1 - cos).
    With `uniform` (the paper's PKD-Skip) or `top` (PKD-Last) the student's last layer is left out: the logits teach it.
Source: Sun et al. 2019 (arXiv:1908.09355), equation 7.
Takes: hidden states (rows, length, width) of both models; a learned projection when the widths differ, which the paper does not have. Looks
    inside the teacher. Counts texts.
Neighbours: `hidden_states` with `compare: cosine` does the same for every piece.

Example:
    - patient_kd: {layers: top, weight: 1.0}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from compactor.distillation.losses._contract import Batch, Shape
from compactor.distillation.losses._layers import PROJECTION, LayerLoss, Pair, blind_first, states

if TYPE_CHECKING:
    from torch import Tensor


class PatientKd(LayerLoss):
    """Squared distance between normalised states of the first piece."""

    def pairs(self, student: int, teacher: int) -> list[Pair]:
        """Return which layers are compared; a chosen pattern leaves the student's last one out."""
        pairs = super().pairs(student, teacher)
        return pairs[:-1] if self.layers in {"uniform", "top"} else pairs

    def unfit(self, student: Shape, teacher: Shape) -> Iterator[str]:
        """Yield why these models' layers cannot be paired."""
        yield from super().unfit(student, teacher)
        if student.layers == 1 and self.layers in {"uniform", "top"}:
            yield "a student of one layer has none below the last; write layers: last"
        yield from blind_first(student, teacher)

    def count(self, labels: Tensor, mask: Tensor) -> int:
        """Return the number of texts."""
        return len(mask)

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over texts of the mean over pairs, number of texts)."""
        import torch
        from torch.nn import functional as F

        values = []
        for pair in self.active(batch):
            own, taught = (F.normalize(given[:, 0], dim=-1) for given in states(batch, pair, batch.parameters.get(PROJECTION)))
            values.append((own - taught).square().sum(dim=-1))
        return torch.stack(values).mean(dim=0).sum(), len(batch.mask)
