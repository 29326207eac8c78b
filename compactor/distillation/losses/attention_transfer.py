"""Attention transfer: where in the text the states are large follows where the teacher's are.

What: each piece's energy is the sum of its squared states; the energies of a text's real pieces, as one vector of length 1, are compared:
    `paper` by the length of the difference, `code` by its mean square over the pieces (the authors' published code; about a thousand
    times smaller, which is why their weight is 1000). Widths need not be equal, and nothing is learned along.
    After a layer norm, as at the end of each of BERT's layers, all pieces' states are about equally long, the more so the more alike the
    norm's gains are: expect little from it there. It was made for convolutions.
Source: Zagoruyko and Komodakis 2017 (arXiv:1612.03928), equation 2, activation-based with p = 2; there over the places of an image.
Takes: hidden states (rows, length, width) of both models; mask (rows, length). Looks inside the teacher. Counts texts.
Neighbours: `tinybert`, `minilm` and `mobilebert` transfer self-attention, which this has nothing to do with but the name.

Example:
    - attention_transfer: {form: paper, weight: 1.0}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from compactor.base.settings import setting
from compactor.distillation.losses._contract import Batch
from compactor.distillation.losses._layers import LayerLoss, states

if TYPE_CHECKING:
    from torch import Tensor


class AttentionTransfer(LayerLoss):
    """Distance between normalised maps of where the states are large."""

    projects: ClassVar[bool] = False

    form: Literal["paper", "code"] = setting("paper", "length of the difference (paper), or its mean square over pieces (code)")

    def count(self, labels: Tensor, mask: Tensor) -> int:
        """Return the number of texts."""
        return len(mask)

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over texts of the mean over pairs, number of texts)."""
        import torch
        from torch.nn import functional as F

        values = []
        for pair in self.active(batch):
            maps = (given.square().sum(dim=-1).masked_fill(batch.mask == 0, 0.0) for given in states(batch, pair))
            own, taught = (F.normalize(energies, dim=-1) for energies in maps)
            if self.form == "paper":
                values.append(torch.linalg.vector_norm(own - taught, dim=-1))
            else:
                values.append((own - taught).square().sum(dim=-1) / batch.mask.sum(dim=-1).clamp_min(1))
        return torch.stack(values).mean(dim=0).sum(), len(batch.mask)
