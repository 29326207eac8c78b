"""Contrastive distillation: the student's vector of a text is nearer to the teacher's of the same text than to those of others.

What: both sides are mapped to `size` numbers by a learned matrix each and scaled to length 1; with s their dot products over the
    temperature, -log softmax(s)_same over the batch, from student to teachers and from teacher to students, the mean of both. The variant
    is InfoNCE with the negatives of the batch (van den Oord et al. 2018, arXiv:1807.03748, equation 4), not CRD's estimate with a memory
    bank of thousands of old vectors: nothing stale is kept, and a batch of B rows has B - 1 negatives instead of 16,384.
Source: Tian et al. 2020, CRD (arXiv:1910.10699), for the idea, the two trained maps, size 128, temperature 0.07, and negatives of other
    classes only (`other_labels: true`, as in its experiments).
Takes: last hidden states (rows, length, width) of both models, mask; labels, where rows have them, to leave out negatives of the same
    label. Looks inside the teacher. Counts texts. Negatives are those inside a micro-batch. It does not reach zero where student and
    teacher agree, and a batch of one row teaches nothing.
Neighbours: `relational` keeps all distances instead of who is nearest.

Example:
    - contrastive: {temperature: 0.07, weight: 0.8}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from compactor.base.settings import setting
from compactor.distillation.losses._contract import Batch, Loss, Need, Outputs, Shape
from compactor.distillation.losses._layers import blind_first, pooled

if TYPE_CHECKING:
    from torch import Tensor


class Contrastive(Loss):
    """Cross-entropy of finding the same text among those of the batch, between student and teacher."""

    needs: ClassVar[frozenset[Need]] = frozenset({"hidden_states"})
    reaches_zero: ClassVar[bool] = False
    relates_rows: ClassVar[bool] = True

    temperature: float = setting(0.07, "what dot products are divided by", gt=0)
    size: int = setting(128, "numbers that both sides are mapped to", ge=1)
    of: Literal["first", "mean"] = setting(
        "first", "what stands for a text: its first piece's last state, or the mean over pieces"
    )
    other_labels: bool = setting(True, "texts of the same label are no negatives of each other")

    def teacher_states(self, student: Shape, teacher: Shape) -> list[int]:
        """Return the last one."""
        return [teacher.layers]

    def unfit(self, student: Shape, teacher: Shape) -> Iterator[str]:
        """Yield which model gives no states."""
        for who, shape in (("student", student), ("teacher", teacher)):
            if not shape.hidden:
                yield f"the {who} gives no hidden states"
        if self.of == "first":
            yield from blind_first(student, teacher)

    def parameters(self, student: Shape, teacher: Shape) -> dict[str, tuple[int, int]]:
        """Return the two maps."""
        return {"student": (self.size, student.hidden), "teacher": (self.size, teacher.hidden)}

    def count(self, labels: Tensor, mask: Tensor) -> int:
        """Return the number of texts."""
        return len(mask)

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over texts, number of texts)."""
        import torch
        from torch.nn import functional as F

        assert batch.teacher is not None
        own, taught = self._vectors(batch.student, "student", batch), self._vectors(batch.teacher, "teacher", batch)
        similar = (own @ taught.T / self.temperature).masked_fill(self._left_out(batch), float("-inf"))
        same = torch.arange(len(similar), device=similar.device)
        both = F.cross_entropy(similar, same, reduction="sum") + F.cross_entropy(similar.T, same, reduction="sum")
        return both / 2, len(similar)

    def _vectors(self, outputs: Outputs, side: str, batch: Batch) -> Tensor:
        from torch.nn import functional as F

        assert outputs.hidden_states is not None
        return F.normalize(pooled(outputs.hidden_states[-1], batch.mask, self.of) @ batch.parameters[side].T, dim=-1)

    def _left_out(self, batch: Batch) -> Tensor:
        """Return which pairs (rows, rows) are no negatives: different texts of one known label."""
        import torch

        rows, labels = len(batch.mask), batch.labels
        if not self.other_labels or labels.is_floating_point() or len(labels) != rows:
            return torch.zeros(rows, rows, dtype=torch.bool, device=labels.device)
        equal = (labels.unsqueeze(0) == labels.unsqueeze(1)) & (labels >= 0)
        return equal & ~torch.eye(rows, dtype=torch.bool, device=labels.device)
