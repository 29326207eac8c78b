"""Rows that a teacher did not answer teach nothing: there the student's own answer stands in, from which it differs by nothing.

A word has no answer when the teacher's tokenizer, finer than the student's, had its text cut off before it. Kept answers are NaN there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from compactor.distillation.losses import TopLogits


def filled(logits: Tensor, own: Tensor) -> Tensor:
    """Return a teacher's logits (rows, labels) with the student's where they are NaN; no gradient flows through those."""
    missing = logits.isnan()
    return torch.where(missing, own.detach(), logits) if missing.any() else logits


def filled_top(top: TopLogits, own: Tensor) -> TopLogits:
    """Return a teacher's highest logits with the student's highest, and their rest, in rows that are NaN."""
    missing = top.values.isnan().any(dim=-1, keepdim=True)
    if not missing.any():
        return top
    own = own.detach()
    values, indices = own.topk(top.values.shape[1])
    rest = (own / top.temperature).scatter(-1, indices, float("-inf")).logsumexp(dim=-1)
    return replace(
        top,
        values=torch.where(missing, values, top.values),
        indices=torch.where(missing, indices, top.indices),
        log_rest=torch.where(missing[:, 0], rest, top.log_rest),
    )
