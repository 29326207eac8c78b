"""Generalized Jensen-Shannon divergence: both sides against their mixture, so that neither can make it large.

What: with m = beta p + (1 - beta) q, tau² (beta KL(p || m) + (1 - beta) KL(q || m)), p the teacher's tempered probabilities and q the
    student's. At beta = 0.5 symmetric and at most tau² log 2. Its gradient vanishes like beta towards 0 and like 1 - beta towards 1, so
    these ends are refused: use `hinton` or `reverse_kl`, which are what it tends to once divided by them.
Source: Agarwal et al. 2024, GKD (arXiv:2306.13649), equation 1; Lin 1991, doi:10.1109/18.61115. Its `beta` is this one.
Takes: student and teacher logits (rows, labels) float32. The mixture is made of logarithms, so nothing underflows. Counts rows.
Neighbours: `hinton` (beta towards 0), `reverse_kl` (towards 1), `total_variation` (bounded too, without logarithms).

Example:
    - jensen_shannon: {beta: 0.5, temperature: 2}
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from compactor.base.settings import setting
from compactor.distillation.losses._answers import Divergence, kl

if TYPE_CHECKING:
    from torch import Tensor


class JensenShannon(Divergence):
    """Generalized Jensen-Shannon divergence of tempered probabilities, times temperature squared."""

    beta: float = setting(0.5, "share of the teacher in the mixture", gt=0, lt=1)

    def divergence(self, teacher: Tensor, student: Tensor) -> Tensor:
        """Return beta KL(teacher || mixture) + (1 - beta) KL(student || mixture)."""
        import torch

        mixture = torch.logaddexp(teacher + math.log(self.beta), student + math.log1p(-self.beta))
        return self.beta * kl(teacher, mixture) + (1.0 - self.beta) * kl(student, mixture)
