"""Skewed reverse KL: the teacher is mixed with some of the student, so that a class it rules out does not cost without bound.

What: tau² KL(q || (1 - skew) p + skew q), p the teacher's tempered probabilities and q the student's. At most -tau² log skew. With
    skew 0 it is `reverse_kl`, and refused. Gradient flows through both places where the student stands.
Source: Ko et al. 2024, DistiLLM (arXiv:2402.03898), section 3.1; `skew` is its alpha, 0.1 there.
Takes: student and teacher logits (rows, labels) float32. Counts rows.
Neighbours: `reverse_kl` (skew towards 0), `skew_kl` (the other direction).

Example:
    - skew_reverse_kl: {skew: 0.1, temperature: 1}
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from compactor.base.settings import setting
from compactor.distillation.losses._answers import Divergence, kl

if TYPE_CHECKING:
    from torch import Tensor


class SkewReverseKl(Divergence):
    """KL divergence from the student to a mixture of teacher and student, times temperature squared."""

    skew: float = setting(0.1, "share of the student in the mixture", gt=0, lt=1)

    def divergence(self, teacher: Tensor, student: Tensor) -> Tensor:
        """Return KL(student || (1 - skew) teacher + skew student)."""
        import torch

        return kl(student, torch.logaddexp(teacher + math.log1p(-self.skew), student + math.log(self.skew)))
