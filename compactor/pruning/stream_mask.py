"""A mask on channels of the residual stream that the norms honour: what cutting them must agree with."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from compactor.models.families import describe
from compactor.models.projection import head_maps
from compactor.models.states import States
from compactor.pruning.stream import head_outputs


class KeptNorm(nn.Module):
    """A layer norm that takes mean and variance over some channels and gives 0 for the others."""

    def __init__(self, norm: Any, kept: Tensor) -> None:
        super().__init__()
        self.norm, self.kept = norm, kept

    def forward(self, values: Tensor) -> Tensor:
        """Return the norm of (..., hidden) over the kept channels, each in its place."""
        norm, kept = self.norm, self.kept
        plain = nn.functional.layer_norm(values[..., kept], (len(kept),), norm.weight[kept], norm.bias[kept], norm.eps)
        return torch.zeros_like(values).index_copy(-1, kept, plain)


def mask_stream(model: Any, kept: np.ndarray) -> None:
    """Silence all channels but the kept ones, in place, without making anything smaller.

    The answers are those of `stream.cut_stream` without a refit: the same sums with zeros in them. (In floating point a sum with zeros
    may be grouped otherwise: to the last digits, not to the bit.) A mask that ordinary layer norms see is another model.
    """
    encoder, stay = describe(model), torch.from_numpy(kept)
    heads: list[Any] = list(head_maps(encoder).values())
    outputs = head_outputs(encoder, len(kept), States())
    with torch.no_grad():
        if len(encoder.before_layers) > 1:  # ELECTRA's projection writes the stream without a norm
            for parameter in encoder.before_layers[-1].parameters():
                parameter[_others(stay, encoder.hidden)] = 0.0
        if len(heads) > 1:
            heads[1].weight[:, _others(outputs, encoder.hidden)] = 0.0
    norms: set[Any] = {norm for part in encoder.parts for norm in (part.attention_norm, part.output_norm)}
    norms |= {encoder.norm} if len(encoder.before_layers) == 1 else set()
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if child in norms:
                setattr(parent, name, KeptNorm(child, stay))


def _others(kept: Tensor, count: int) -> Tensor:
    others = torch.ones(count, dtype=torch.bool)
    others[kept] = False
    return others
