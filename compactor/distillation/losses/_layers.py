"""Losses on hidden states: which layer of the student follows which of the teacher, and when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from compactor.base.settings import setting
from compactor.distillation.losses._contract import Batch, Loss, Need, Shape

if TYPE_CHECKING:
    from torch import Tensor

LayerNumber = Annotated[int, Field(ge=0)]
LayerPairs = Annotated[tuple[tuple[LayerNumber, LayerNumber], ...], Field(min_length=1)]
LayerChoice = Literal["uniform", "last", "top", "middle"] | LayerPairs
Pair = tuple[int, int]

PROJECTION = "projection"


class LayerLoss(Loss):
    """A loss that compares layers by pairs; what it returns is the mean over the pairs, so that its weight need not follow their number.

    Layers count from 1; hidden state 0 is the embeddings' output.

    Class attributes:
        projects: states of different widths are compared after a learned map from the student's to the teacher's width.
        from_zero: state 0 may be named.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"hidden_states"})
    projects: ClassVar[bool] = True
    from_zero: ClassVar[bool] = True

    layers: LayerChoice = setting(
        "uniform",
        "pairs of layers: the student's spread evenly over the teacher's (uniform), with the teacher's topmost (top), the last with the "
        "last, the middle with the middle, or a list [[student's, teacher's], ...], counted from 1",
    )
    progressive: bool = setting(False, "pairs join one after the other, in their order, evenly over the training")

    def pairs(self, student: int, teacher: int) -> list[Pair]:
        """Return which layers are compared, (student's, teacher's), for models of so many layers."""
        if not isinstance(self.layers, str):
            return list(self.layers)
        numbers = range(1, student + 1)
        if self.layers == "last":
            return [(student, teacher)]
        if self.layers == "middle":
            return [((student + 1) // 2, (teacher + 1) // 2)]
        if self.layers == "top":
            return [(number, teacher - student + number) for number in numbers]
        return [(number, max(1, round(number * teacher / student))) for number in numbers]

    def teacher_states(self, student: Shape, teacher: Shape) -> list[int]:
        """Return the teacher's states of all pairs."""
        return [taught for _, taught in self.pairs(student.layers, teacher.layers)] if "hidden_states" in self.wants() else []

    def active(self, batch: Batch) -> list[Pair]:
        """Return the pairs that are compared at this moment of the training."""
        assert batch.teacher is not None
        pairs = self.pairs(batch.student.shape.layers, batch.teacher.shape.layers)
        return pairs[: int(batch.progress * len(pairs)) + 1] if self.progressive else pairs

    def unfit(self, student: Shape, teacher: Shape) -> Iterator[str]:
        """Yield why these models' layers cannot be paired."""
        for who, shape in (("student", student), ("teacher", teacher)):
            if not shape.layers:
                yield f"the {who} has no layers"
                return
        pairs, first = self.pairs(student.layers, teacher.layers), 0 if self.from_zero else 1
        if self.layers == "top" and student.layers > teacher.layers:
            yield f"layers: top needs a teacher with at least the student's {student.layers} layers, it has {teacher.layers}"
        else:
            for which, (who, shape) in enumerate((("student", student), ("teacher", teacher))):
                wrong = [pair[which] for pair in pairs if not first <= pair[which] <= shape.layers]
                if wrong:
                    yield f"layer {wrong[0]} is named for the {who}, whose layers count from {first} to {shape.layers}"

    def parameters(self, student: Shape, teacher: Shape) -> dict[str, tuple[int, int]]:
        """Return the projection, when the widths differ."""
        return {PROJECTION: (teacher.hidden, student.hidden)} if self.projects and student.hidden != teacher.hidden else {}


def states(batch: Batch, pair: Pair, projection: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the hidden states of a pair of layers, (student's, teacher's), the student's in the teacher's width if a map is given."""
    assert batch.teacher is not None
    assert batch.student.hidden_states is not None
    assert batch.teacher.hidden_states is not None
    own, taught = batch.student.hidden_states[pair[0]], batch.teacher.hidden_states[pair[1]]
    return own if projection is None else own @ projection.T, taught


def blind_first(student: Shape, teacher: Shape) -> Iterator[str]:
    """Yield that the first piece of a text, which a loss looks at, knows nothing of the text."""
    for who, shape in (("student", student), ("teacher", teacher)):
        if shape.causal:
            yield f"the {who} is a decoder, whose first piece sees nothing of the text"


def pooled(states: Tensor, mask: Tensor, how: Literal["first", "mean"]) -> Tensor:
    """Return one vector a text, (texts, width): its first piece's state, or the mean over its real pieces."""
    if how == "first":
        return states[:, 0]
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp_min(1)


def over_pieces(values: Tensor, mask: Tensor) -> Tensor:
    """Return the sum over real pieces of values (texts, length); padding adds nothing, whatever stands there."""
    return values.masked_fill(mask == 0, 0.0).sum()
