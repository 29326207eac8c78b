"""Losses on the attention of one layer of each model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from compactor.base.settings import setting
from compactor.distillation.losses._contract import Batch, Loss, Need, Shape

if TYPE_CHECKING:
    from torch import Tensor

Relations = tuple["Tensor", "Tensor", "Tensor"]


class OneLayerLoss(Loss):
    """A loss on queries, keys and values of one layer of the student and one of the teacher."""

    needs: ClassVar[frozenset[Need]] = frozenset({"relations"})

    student_layer: int = setting(-1, "the student's layer, from 0; -1 is the last")
    teacher_layer: int = setting(-1, "the teacher's layer, from 0; -1 is the last")

    def relation_layers(self, student: Shape, teacher: Shape) -> list[tuple[int, int]]:
        """Return (student's layer, teacher's layer), counted from 0."""
        return [(self.student_layer % student.layers, self.teacher_layer % teacher.layers)]

    def unfit(self, student: Shape, teacher: Shape) -> Iterator[str]:
        """Yield which layer is not there."""
        for who, shape, layer in (("student", student, self.student_layer), ("teacher", teacher, self.teacher_layer)):
            if not shape.layers:
                yield f"the {who} has no layers with attention"
            elif not -shape.layers <= layer < shape.layers:
                yield f"{who}_layer is {layer}, the {who} has {shape.layers} layers"

    def relations(self, batch: Batch) -> tuple[Relations, Relations]:
        """Return query, key and value of (the student's layer, the teacher's layer)."""
        assert batch.teacher is not None
        ((own, taught),) = self.relation_layers(batch.student.shape, batch.teacher.shape)
        return batch.student.relations[own], batch.teacher.relations[taught]

    def count(self, labels: Tensor, mask: Tensor) -> Tensor:
        """Return the number of real pieces."""
        return mask.sum()
