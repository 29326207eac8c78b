"""Total variation: half the sum of how far the probabilities are apart.

What: tau ½ Σ |p - q|, p the teacher's tempered probabilities and q the student's; between 0 and tau. Its gradient shrinks like 1/tau, not
    like 1/tau² as that of KL does, so tau stands in front and not tau². Every class that is off pulls equally hard, however little, so
    the gradient does not fade near the goal: decay the learning rate.
Source: Wen et al. 2023, f-DISTILL (arXiv:2307.15190), section 2.2; for the definition any text on probability.
Takes: student and teacher logits (rows, labels) float32. Counts rows.
Neighbours: `jensen_shannon` is bounded too, and smooth at zero. Pinsker: its square is at most half of KL, in either direction.

Example:
    - total_variation: {temperature: 1}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from compactor.distillation.losses._answers import Divergence

if TYPE_CHECKING:
    from torch import Tensor


class TotalVariation(Divergence):
    """Total variation distance of tempered probabilities, times temperature."""

    order: ClassVar[int] = 1

    def divergence(self, teacher: Tensor, student: Tensor) -> Tensor:
        """Return half the sum of absolute differences."""
        return 0.5 * (teacher.exp() - student.exp()).abs().sum(dim=-1)
