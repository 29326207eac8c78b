"""How much of a teacher's answers is kept: all logits of each row, or the highest ones and what the others add up to. Light."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from compactor.base.errors import Problem
from compactor.base.settings import Settings, setting

if TYPE_CHECKING:
    from compactor.distillation.losses import LossTerm


class TeacherOutputs(Settings):
    """Keep the highest logits of each row only, for many thousands of labels: 8 bytes a logit and 4 a row, instead of 4 bytes a label."""

    top_k: int = setting(32, "how many logits of each row are kept; fewer than there are labels", ge=1)
    temperature: float = setting(
        1.0, "what the sum over all the others is made for; losses must use the same, without a schedule", gt=0
    )


def keeping_problems(
    kept: TeacherOutputs | None, losses: Sequence[LossTerm], place: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
    """Yield, for every loss that needs more of the teacher than is kept, why; `place` is where the losses stand."""
    for number, term in enumerate(losses if kept is not None else ()):
        assert kept is not None
        for sentence in term.loss.unfit_for_top(kept.temperature):
            said = f"{term.name} cannot be taught by the highest logits: {sentence}"
            yield (*place, number, term.name), Problem("P172", said, "leave teacher_outputs out, or change the loss")
