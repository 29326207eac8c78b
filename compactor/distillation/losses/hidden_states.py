"""The student's states follow the teacher's: mean squared error, after a learned projection when the widths differ.

What: ||W h_student - h_teacher||² / width of the teacher, summed over real pieces. Pairs of layers are spread evenly, the last with the
    last; state 0 is the embeddings' output. W is trained along, shared by all pairs (as in TinyBERT), and dropped at the end.
Source: Romero et al. 2015, FitNets (arXiv:1412.6550), equation 3; Jiao et al. 2020, TinyBERT (arXiv:1909.10351), equations 8 and 9.
Takes: hidden states (rows, length, width) of both models; mask (rows, length). The teacher runs along. Counts pieces, not rows: padding
    would otherwise be trained, and long texts weigh more.
Neighbours: `minilm_relations` compares what needs no projection. Used beside `hinton`, which teaches the answer itself.

Example:
    - hidden_states: {layers: last, weight: 0.5}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from compactor.base.settings import setting
from compactor.distillation.losses._contract import Batch, Loss, Need, Shape

if TYPE_CHECKING:
    from torch import Tensor


class HiddenStates(Loss):
    """Mean squared error between states of the student and the teacher."""

    needs: ClassVar[frozenset[Need]] = frozenset({"hidden_states"})

    layers: Literal["all", "last"] = setting(
        "all", "which of the student's layers, each with its place in the teacher; or the last only"
    )
    embeddings: bool = setting(False, "compare the embeddings' outputs too")

    def parameters(self, student: Shape, teacher: Shape) -> dict[str, tuple[int, int]]:
        """Return the projection, when the widths differ."""
        return {} if student.hidden == teacher.hidden else {"projection": (teacher.hidden, student.hidden)}

    def pairs(self, student: int, teacher: int) -> list[tuple[int, int]]:
        """Return which states are compared: (student's, teacher's), counted from the embeddings' 0.

        Args:
            student: layers of the student.
            teacher: layers of the teacher.
        """
        numbers = [student] if self.layers == "last" else list(range(1, student + 1))
        return [(0, 0)] * self.embeddings + [(number, round(number * teacher / student)) for number in numbers]

    def count(self, labels: Tensor, mask: Tensor) -> Tensor:
        """Return the number of real pieces."""
        return mask.sum()

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over real pieces of the mean over pairs and channels, number of real pieces)."""
        assert batch.teacher is not None
        own, taught = batch.student.hidden_states, batch.teacher.hidden_states
        assert own is not None
        assert taught is not None
        pairs = self.pairs(len(own) - 1, len(taught) - 1)
        mask, projection = batch.mask.unsqueeze(-1), batch.parameters.get("projection")
        total = own[0].new_zeros(())
        for first, second in pairs:
            states = own[first] if projection is None else own[first] @ projection.T
            total = total + ((states - taught[second]).square() * mask).sum() / taught[second].shape[-1]
        return total / len(pairs), self.count(batch.labels, batch.mask)
