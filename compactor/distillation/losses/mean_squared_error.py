"""Mean squared error with numbers that the data holds: regression.

What: (z - y)², the mean over the numbers of a row that are known.
Source: least squares.
Takes: student logits (rows, labels), usually one; labels (rows, labels) float32, NaN where one is not known. Counts rows with a known one.
Neighbours: `logit_mse` follows the teacher's numbers in the same way.

Example:
    - mean_squared_error: {weight: 0.5}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from compactor.distillation.losses._contract import Batch, Loss, Need

if TYPE_CHECKING:
    from torch import Tensor


class MeanSquaredError(Loss):
    """Mean squared error with the data's numbers."""

    needs: ClassVar[frozenset[Need]] = frozenset({"labels"})
    label_kinds: ClassVar[frozenset[str] | None] = frozenset({"number"})

    def count(self, labels: Tensor, mask: Tensor) -> Tensor:
        """Return the number of rows with a known number."""
        return (~labels.isnan()).any(dim=-1).sum()

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over rows of the mean over known numbers, number of rows with one)."""
        known = ~batch.labels.isnan()
        gaps = (batch.student.logits - batch.labels.nan_to_num()) * known
        means = gaps.square().sum(dim=-1) / known.sum(dim=-1).clamp_min(1)
        return means.sum(), self.count(batch.labels, batch.mask)
