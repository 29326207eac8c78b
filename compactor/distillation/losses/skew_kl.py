"""Skewed KL: the student is mixed with some of the teacher before it is judged, which tames the gradient of rare classes.

What: tau² KL(p || skew p + (1 - skew) q), p the teacher's tempered probabilities and q the student's. At most -tau² log skew, where plain
    KL has no bound. With skew 0 it is `hinton`, and refused.
Source: Ko et al. 2024, DistiLLM (arXiv:2402.03898), equation 5; `skew` is its alpha, 0.1 there.
Takes: student and teacher logits (rows, labels) float32. Counts rows.
Neighbours: `hinton` (skew towards 0), `skew_reverse_kl` (the other direction), `jensen_shannon` (mixes both sides).

Example:
    - skew_kl: {skew: 0.1, temperature: 2}
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from compactor.base.settings import setting
from compactor.distillation.losses._answers import Divergence, kl

if TYPE_CHECKING:
    from torch import Tensor


class SkewKl(Divergence):
    """KL divergence from the teacher to a mixture of student and teacher, times temperature squared."""

    skew: float = setting(0.1, "share of the teacher in the mixture", gt=0, lt=1)

    def divergence(self, teacher: Tensor, student: Tensor) -> Tensor:
        """Return KL(teacher || skew teacher + (1 - skew) student)."""
        import torch

        return kl(teacher, torch.logaddexp(teacher + math.log(self.skew), student + math.log1p(-self.skew)))
