"""Cross-entropy with labels that do not exclude each other.

What: -Σ over labels of y log sigmoid(z) + (1 - y) log(1 - sigmoid(z)), summed over the labels of a row that are known.
Source: the likelihood of independent events; `torch.nn.BCEWithLogitsLoss` divides by the labels as well, which makes the loss fade as
    their number grows, this does not.
Takes: student logits (rows, labels); labels (rows, labels) float32, 0 or 1, NaN where one is not known. Counts rows with a known label.
Neighbours: `cross_entropy` where one label holds, `bernoulli` for the teacher's side.

Example:
    - binary_cross_entropy: {weight: 0.1}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from compactor.distillation.losses._contract import Batch, Loss, Need

if TYPE_CHECKING:
    from torch import Tensor


class BinaryCrossEntropy(Loss):
    """Cross-entropy of each label with the data's labels."""

    needs: ClassVar[frozenset[Need]] = frozenset({"labels"})
    label_kinds: ClassVar[frozenset[str] | None] = frozenset({"classes"})

    def count(self, labels: Tensor, mask: Tensor) -> Tensor:
        """Return the number of rows with a known label."""
        return (~labels.isnan()).any(dim=-1).sum()

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over known labels, number of rows with one)."""
        from torch.nn import functional as F

        known = ~batch.labels.isnan()
        values = F.binary_cross_entropy_with_logits(batch.student.logits, batch.labels.nan_to_num(), reduction="none")
        total = values.masked_fill(~known, 0.0).sum()
        return total, self.count(batch.labels, batch.mask)
