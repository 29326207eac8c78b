"""Reverse KL: the student may leave out what the teacher thinks possible, but not invent what it does not.

What: tau² KL(softmax(z/tau) || softmax(t/tau)), all classes, gradient through the student's probabilities. Mode-seeking: a student too
    small for everything settles on the teacher's main answers, where `hinton` spreads itself over all of them.
Source: Gu et al. 2024, MiniLLM (arXiv:2306.08543), section 2.1, here exact over the classes instead of sampled.
Takes: student and teacher logits (rows, labels) float32. Counts rows.
Neighbours: `hinton` is the other direction; `jensen_shannon` tends to either at its ends; `skew_reverse_kl` mixes some of the student
    into the teacher, which bounds it.

Example:
    - reverse_kl: {temperature: 1, weight: 0.5}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from compactor.distillation.losses._answers import Divergence, kl

if TYPE_CHECKING:
    from torch import Tensor


class ReverseKl(Divergence):
    """KL divergence of tempered probabilities, student first, times temperature squared."""

    def divergence(self, teacher: Tensor, student: Tensor) -> Tensor:
        """Return KL(student || teacher)."""
        return kl(student, teacher)
