"""Hinton's distillation: the student's tempered probabilities follow the teacher's.

What: tau² KL(softmax(t/tau) || softmax(z/tau)), summed over classes. tau² keeps the size of the gradient when tau changes. A true KL
    divergence, so it is zero where student and teacher agree. In the limit of a large tau it is ½ (z - t)² / C with centred logits.
Source: Hinton, Vinyals, Dean 2015 (arXiv:1503.02531), sections 2 and 2.1.
Takes: student and teacher logits (rows, labels) float32; labels are not used. Counts rows.
Neighbours: `cross_entropy` is its limit for a teacher that is always sure and right. `dkd` weighs its two parts freely; `reverse_kl`,
    `jensen_shannon`, `skew_kl`, `skew_reverse_kl` and `total_variation` measure the same pair otherwise; `bernoulli` is for labels that
    do not exclude each other. `hidden_states` and `minilm_relations` teach what lies before the logits and are used beside it.

Example:
    - hinton: {temperature: 4, weight: {from: 0.9, to: 0.5}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from compactor.distillation.losses._answers import Divergence, kl

if TYPE_CHECKING:
    from torch import Tensor


class Hinton(Divergence):
    """KL divergence of tempered probabilities, teacher first, times temperature squared."""

    def divergence(self, teacher: Tensor, student: Tensor) -> Tensor:
        """Return KL(teacher || student)."""
        return kl(teacher, student)
