"""Attention from recorded queries and keys: scores, distributions, and how far two of them are apart.

For encoders with absolute positions softmax(q kᵀ / sqrt(size)) is the attention itself, so nothing need be asked of the model, which
may use a fused kernel that never shows its attention.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from compactor.distillation.losses._contract import Shape

if TYPE_CHECKING:
    from torch import Tensor


def scores(first: Tensor, second: Tensor, heads: int) -> Tensor:
    """Return scaled dot products between all pieces, (rows, heads, length, length), from vectors (rows, length, heads * size)."""
    rows, length, width = first.shape

    def split(vectors: Tensor) -> Tensor:
        return vectors.view(rows, length, heads, width // heads).transpose(1, 2)

    return split(first) @ split(second).transpose(-1, -2) / math.sqrt(width // heads)


def relation_divergence(teacher: Tensor, student: Tensor, mask: Tensor) -> Tensor:
    """Return KL(softmax(teacher) || softmax(student)) of scores, summed over heads and real pieces; padded columns are no events."""
    padded = mask[:, None, None, :] == 0
    first, second = (values.masked_fill(padded, -1e9).log_softmax(dim=-1) for values in (teacher, student))
    # 0 * (-1e9 + 1e9) would be rounded: padded columns are taken out, before they are summed.
    terms = (first.exp() * (first - second)).masked_fill(padded, 0.0)
    return (terms.sum(dim=-1) * mask[:, None, :]).sum()


def score_error(teacher: Tensor, student: Tensor, mask: Tensor) -> Tensor:
    """Return the squared error of scores, the mean over real columns, summed over heads and real pieces."""
    padded = mask[:, None, None, :] == 0
    terms = (student - teacher).square().masked_fill(padded, 0.0).sum(dim=-1) / mask.sum(dim=-1)[:, None, None].clamp_min(1)
    return (terms * mask[:, None, :]).sum()


def unequal_heads(student: Shape, teacher: Shape, pairs: list[tuple[int, int]]) -> Iterator[str]:
    """Yield that two layers (numbered from 0) have unequal head counts, where head is compared with head."""
    for own, taught in pairs:
        if student.heads[own] != teacher.heads[taught]:
            told = f"the student has {student.heads[own]} attention heads in layer {own + 1}"
            yield f"{told}, the teacher {teacher.heads[taught]} in layer {taught + 1}, and head is compared with head"
            return
