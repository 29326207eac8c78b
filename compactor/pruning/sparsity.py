"""Single weights that become zero: which ones, and how far the map's answers move."""

from __future__ import annotations

import torch
from torch import Tensor

from compactor.base.errors import StageError
from compactor.pruning.pattern import Sparsity


def lowest(scores: Tensor, sparsity: Sparsity, *, by_row: bool) -> Tensor:
    """Return which weights go, bool (rows, columns): those with the lowest scores; of equals the first ones.

    Args:
        scores: (rows, columns), higher matters more.
        sparsity: how many; with groups, `columns` is a multiple of the group.
        by_row: compare inside each row, as Wanda does; else in the whole matrix. Groups are always compared inside.
    """
    compared = scores.reshape(-1, sparsity.group or (scores.shape[1] if by_row else scores.numel()))
    count = sparsity.zeros(compared.shape[1])
    gone = torch.zeros_like(compared, dtype=torch.bool)
    gone.scatter_(1, compared.argsort(dim=1, stable=True)[:, :count], value=True)
    return gone.reshape(scores.shape)


def magnitude_scores(weight: Tensor) -> Tensor:
    """Return |W|, compared in the whole matrix (Han et al. 2015, arXiv:1506.02626)."""
    return weight.abs()


def wanda_scores(weight: Tensor, products: Tensor) -> Tensor:
    """Return |W_ij| · ||x_j||₂, compared inside each row (Sun et al. 2023, arXiv:2306.11695, equation 1).

    Args:
        weight: (outputs, inputs).
        products: XᵀX over the calibration pieces, (inputs, inputs); the norms are the roots of its diagonal.
    """
    return weight.abs() * products.diagonal().sqrt()


def output_error(weight: Tensor, other: Tensor, products: Tensor) -> float:
    """Return ||X Wᵀ - X W'ᵀ||² / ||X Wᵀ||², from XᵀX alone; 0 where both maps answer alike, 1 for a map of zeros."""
    change = weight - other
    whole = float(((weight @ products) * weight).sum())
    return float(((change @ products) * change).sum()) / whole if whole > 0 else 0.0


def check_width(name: str, inputs: int, sparsity: Sparsity) -> None:
    """Raise K241 when a row cannot be cut into groups."""
    if sparsity.group and inputs % sparsity.group:
        sentence = f"{name} has {inputs} inputs, which groups of {sparsity.group} do not divide"
        raise StageError("K241", sentence, "choose a pattern whose second number divides the widths, or give sparsity")
