"""Cross-entropy with the labels of the data.

What: -log softmax(z)_y, the loss of ordinary training, optionally with smoothed labels.
Source: for smoothing, Szegedy et al. 2016 (arXiv:1512.00567), section 7: the label gets 1 - s + s/C, every other class s/C.
Takes: student logits (rows, labels); labels (rows,), a negative one is none. Counts rows with a label.
Neighbours: `hinton` teaches the same logits by the teacher's probabilities; with `weight: {from: 0.1, to: 0.5}` here and the
    opposite there, training goes from the teacher towards the labels. `binary_cross_entropy` where several labels may hold,
    `mean_squared_error` where the label is a number.

Example:
    - cross_entropy: {weight: 0.1, label_smoothing: 0.05}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from compactor.base.settings import setting
from compactor.distillation.losses._contract import Batch, Loss, Need

if TYPE_CHECKING:
    from torch import Tensor

IGNORED = -100


class CrossEntropy(Loss):
    """Cross-entropy with the data's labels."""

    needs: ClassVar[frozenset[Need]] = frozenset({"labels"})
    label_kinds: ClassVar[frozenset[str] | None] = frozenset({"class", "tags"})

    label_smoothing: float = setting(0.0, "share of the probability spread evenly over all classes", ge=0, lt=1)

    def count(self, labels: Tensor, mask: Tensor) -> Tensor:
        """Return the number of labelled rows."""
        return (labels >= 0).sum()

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over labelled rows, their number)."""
        from torch.nn import functional as F

        # Ignored instead of picked out: picking would make a GPU wait for the number of those that are left.
        labels = batch.labels.masked_fill(batch.labels < 0, IGNORED)
        total = F.cross_entropy(
            batch.student.logits, labels, ignore_index=IGNORED, label_smoothing=self.label_smoothing, reduction="sum"
        )
        return total, self.count(batch.labels, batch.mask)
