"""SparseGPT: columns are emptied one after another, and those still to come make up for each weight that is lost.

Frantar & Alistarh 2023, "SparseGPT: Massive Language Models Can be Accurately Pruned in One-Shot" (arXiv:2301.00774), algorithm 1. The
optimal change of all weights that are left, when weight p goes, is that of Optimal Brain Surgeon (Hassibi & Stork 1993):
δ = -w_p / [H⁻¹]_pp · [H⁻¹]_:p. Here "left" means the columns behind p, so that one matrix, the Cholesky factor U of H⁻¹ (H⁻¹ = UᵀU, U
upper), serves all rows whatever their zeros: the p-th row of U is the p-th row of the inverse of H without the columns before p, divided
by the root of its first entry.
"""

from __future__ import annotations

import torch
from torch import Tensor

from compactor.base.errors import StageError
from compactor.pruning.pattern import Sparsity
from compactor.pruning.sparsity import lowest

BLOCK = 128
DAMPING = 0.01
MOST_DAMPING = 1.0


def sparsegpt(
    weight: Tensor,
    products: Tensor,
    sparsity: Sparsity,
    *,
    block: int = BLOCK,
    damping: float = DAMPING,
    gone: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return (W', gone): a matrix with zeros where `gone` is, whose answers stay as near as may be.

    The weights that go are chosen by their loss w² / U_jj², which is what leaving them out costs: for n:m at the first column of each
    group, else at the first column of each block, among all rows of the block; always from the weights as they are by then.

    Args:
        weight: float (outputs, inputs).
        products: XᵀX over the calibration pieces, padding left out, float64 (inputs, inputs).
        sparsity: how many go.
        block: columns after which the rest of the matrix is brought up to date, and among which zeros are chosen; rounded down to whole
            groups.
        damping: share of the mean of the diagonal added to it; ten times more as long as the matrix is singular to working precision.
        gone: which weights go, bool (outputs, inputs), where that is settled already.

    Returns:
        W' in the dtype of `weight`, and which weights went.
    """
    rest, factor = weight.detach().double().clone(), inverse_factor(products, damping)
    rest[:, products.diagonal() == 0] = 0.0  # never read: these go first, and cost nothing
    rows, columns = rest.shape
    chosen = torch.zeros_like(rest, dtype=torch.bool) if gone is None else gone.clone()
    step = sparsity.group if sparsity.group and gone is None else 0
    block = max(block // step, 1) * step if step else block  # no group may lie in two blocks
    for start in range(0, columns, block):
        end = min(start + block, columns)
        if gone is None and not sparsity.group:
            losses = (rest[:, start:end] / factor.diagonal()[start:end]).square()
            chosen[:, start:end] = lowest(losses, sparsity, by_row=False)
        errors = rest.new_zeros(rows, end - start)
        for column in range(start, end):
            if step and column % step == 0:
                losses = (rest[:, column : column + step] / factor.diagonal()[column : column + step]).square()
                chosen[:, column : column + step] = lowest(losses, sparsity, by_row=True)
            error = torch.where(chosen[:, column], rest[:, column], 0.0) / factor[column, column]
            rest[:, column:end] -= torch.outer(error, factor[column, column:end])
            errors[:, column - start] = error
        rest[:, end:] -= errors @ factor[start:end, end:]
    return rest.masked_fill(chosen, 0.0).to(weight.dtype), chosen


def inverse_factor(products: Tensor, damping: float = DAMPING) -> Tensor:
    """Return U, upper triangular float64, with UᵀU = (XᵀX + λ I)⁻¹ and λ = damping · mean of the diagonal.

    Raises:
        StageError: K244 there is none, even with much damping.
    """
    mean = float(products.diagonal().mean()) or 1.0
    while True:
        damped = products.double() + damping * mean * torch.eye(len(products), dtype=torch.float64)
        lower, failed = torch.linalg.cholesky_ex(damped)
        if not failed:
            upper, failed = torch.linalg.cholesky_ex(torch.cholesky_inverse(lower), upper=True)
            if not failed:
                factor: Tensor = upper
                return factor
        if not damping < MOST_DAMPING:
            sentence = "what flows into a map on the calibration rows is not finite, or all but constant"
            raise StageError("K244", sentence, "raise calibration or damping, or look at the model's answers")
        damping = max(damping, 1e-4) * 10
