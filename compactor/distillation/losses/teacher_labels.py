"""Cross-entropy with the teacher's own label: hard-label distillation.

What: -log softmax(z)_y with y the class that the teacher finds most likely, optionally smoothed. It is all that a teacher can give who
    answers with labels and not with probabilities. Rows without a label of the data count as all others.
Source: hard-label distillation of Touvron et al. 2021 (DeiT, arXiv:2012.12877), section 4, equation 3; sequence-level distillation, Kim
    and Rush 2016 (arXiv:1606.07947), section 3.2, is the same for texts.
Takes: student logits (rows, labels); teacher logits (rows, labels), of which only the highest is looked at. Counts rows.
Neighbours: `hinton` with a temperature near 0 is this; `cross_entropy` learns from the data's labels instead.

Example:
    - teacher_labels: {weight: 0.5}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from compactor.base.settings import setting
from compactor.distillation.losses._answers import unequal_answers
from compactor.distillation.losses._contract import Batch, Loss, Need, Shape

if TYPE_CHECKING:
    from torch import Tensor


class TeacherLabels(Loss):
    """Cross-entropy with the teacher's own label."""

    needs: ClassVar[frozenset[Need]] = frozenset({"teacher_labels"})
    label_kinds: ClassVar[frozenset[str] | None] = frozenset({"class", "tags"})
    reaches_zero: ClassVar[bool] = False

    label_smoothing: float = setting(0.0, "share of the probability spread evenly over all classes", ge=0, lt=1)

    def unfit(self, student: Shape, teacher: Shape) -> Iterator[str]:
        """Yield that the teacher has other labels."""
        yield from unequal_answers(student, teacher)

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over rows, their number)."""
        from torch.nn import functional as F

        assert batch.teacher is not None
        top = batch.teacher.top
        best = (batch.teacher.logits if top is None else top.values).argmax(dim=-1)
        labels = best if top is None else top.indices.gather(-1, best.unsqueeze(-1)).squeeze(-1)
        total = F.cross_entropy(batch.student.logits, labels, label_smoothing=self.label_smoothing, reduction="sum")
        return total, len(labels)
