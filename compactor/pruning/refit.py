"""After units are gone: give the map that read them the weights that come nearest to its old output. No training, one solve."""

from __future__ import annotations

import torch
from torch import nn

from compactor.pruning.activations import Moments

RIDGE = 1e-2


def refit(
    weight: torch.Tensor, bias: torch.Tensor | None, moments: Moments, kept: torch.Tensor, ridge: float = RIDGE
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return the least-squares weights of a linear map that keeps only some of its inputs.

    Minimises Σ ||W x + b - W' x_K - b'||² + λ ||W'||² over the calibration tokens: W' = W S[:,K] (S[K,K] + λ I)⁻¹ with S = XᵀX without
    padding and λ = ridge * mean diagonal of S[K,K]. With a bias the inputs are centred first, which solves for b' too: the mean
    output does not move. This is the reconstruction step of Optimal Brain Compression (Frantar & Alistarh 2022, arXiv 2208.11580)
    for whole columns.

    Args:
        weight: float (outputs, inputs), as it was before the cut.
        bias: float (outputs,), or None.
        moments: of the inputs, with products, as they were before the cut.
        kept: int64 (kept,), the inputs that stay.
        ridge: 0 gives ordinary least squares, which needs more tokens than inputs.

    Returns:
        W' (outputs, kept) and b' (outputs,) or None, in the dtype of the weight.
    """
    if moments.products is None:
        raise ValueError("a refit needs moments with products")
    old = weight.detach().double()
    mean = moments.total / moments.tokens if bias is not None else torch.zeros_like(moments.total)
    second = moments.products / moments.tokens - torch.outer(mean, mean)
    inner = second[kept][:, kept]
    lam = ridge * inner.diagonal().mean()
    regular = inner + lam * torch.eye(len(kept), dtype=torch.float64)
    new = torch.linalg.solve(regular, second[kept] @ old.T).T
    shifted = None if bias is None else (bias.detach().double() + old @ mean - new @ mean[kept]).to(weight.dtype)
    return new.to(weight.dtype), shifted


def refit_linear(linear: nn.Linear, before: torch.Tensor, moments: Moments, kept: torch.Tensor) -> None:
    """Refit a linear map that has lost inputs, in place; `before` is its weight (outputs, inputs) from before the cut."""
    weight, bias = refit(before, linear.bias, moments, kept)
    with torch.no_grad():
        linear.weight.copy_(weight)
        if bias is not None:
            linear.bias.copy_(bias)
