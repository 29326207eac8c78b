"""Training that leaves a sparse model sparse: weights that are zero at the beginning are zero after every step, bit for bit."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn

from compactor.distillation.losses import LossTerm
from compactor.distillation.objective import Objective, TeacherSignal


class SparseObjective(Objective):
    """An objective that puts the zeros of some weights back after each optimizer step.

    The step itself is the ordinary one, so the gradients of held weights count when a long gradient is shortened. Which weights are
    held is read off the model when training begins; a killed training that goes on begins with the same model.

    Args:
        losses, teacher, student: see `Objective`.
        held: names of the parameters whose zeros stay.
    """

    def __init__(
        self,
        losses: tuple[LossTerm, ...] | Sequence[LossTerm],
        teacher: TeacherSignal | None,
        student: nn.Module,
        held: Collection[str],
    ) -> None:
        super().__init__(tuple(losses), teacher, student)
        self._held = frozenset(held)
        self._zeros: list[tuple[nn.Parameter, Tensor]] = []

    def begin(self, student: nn.Module) -> None:
        """Remember where the zeros are."""
        self._zeros = [(value, value.detach() == 0) for name, value in student.named_parameters() if name in self._held]

    def after_step(self, student: nn.Module) -> None:
        """Put the zeros back."""
        with torch.no_grad():
            for parameter, zero in self._zeros:
                parameter.masked_fill_(zero, 0.0)
