"""A convolutional student: piece embeddings, one layer of filters over neighbouring pieces, the maximum over the text, a head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from compactor.base.errors import Problem
from compactor.base.settings import setting
from compactor.models.students._piece_vectors import FIRST, First, PieceVectorStudent
from compactor.models.students._settings import Found

if TYPE_CHECKING:
    from compactor.tasks import Task

Width = Annotated[int, Field(ge=1, le=15)]


class ConvStudent(PieceVectorStudent):
    """Filters over neighbouring pieces, the largest answer of each in the text, and a head.

    Source: Kim 2014, "Convolutional Neural Networks for Sentence Classification" (arXiv:1408.5882), section 2. Unlike the static
    student it sees which pieces stand beside each other.
    """

    family: Literal["conv"] = setting("conv", "kind of student")
    hidden: int = setting(96, "width of the piece vectors", ge=1)
    widths: tuple[Width, ...] = setting((1, 3, 5), "pieces that a filter sees: one group of filters for each")
    filters: int = setting(128, "filters of each width", ge=1)
    head: int = setting(0, "width of a hidden layer of the head; 0 for none", ge=0)
    init: First = setting("table", FIRST)
    dropout: float = setting(0.1, "of the filters' answers, while training", ge=0, lt=1)

    def problems(self, task: Task | None = None) -> Found:
        """Yield what is wrong with these settings, with the path inside them."""
        yield from super().problems(task)
        if not self.widths or len(set(self.widths)) != len(self.widths):
            yield ("widths",), Problem("P260", "widths names none, or one twice", "such as widths: [1, 3, 5]")
