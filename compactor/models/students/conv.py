"""A convolutional student: piece embeddings, one layer of filters over neighbouring pieces, the maximum over the text, a head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from compactor.base.errors import Problem
from compactor.base.settings import setting
from compactor.models.students._settings import Found, StudentSettings
from compactor.models.students.static import FIRST, First

if TYPE_CHECKING:
    from compactor.tasks import Task

Width = Annotated[int, Field(ge=1, le=15)]


class ConvStudent(StudentSettings):
    """Filters over neighbouring pieces, the largest answer of each in the text, and a head.

    Source: Kim 2014, "Convolutional Neural Networks for Sentence Classification" (arXiv:1408.5882), section 2. Unlike the static
    student it sees which pieces stand beside each other.
    """

    layered: ClassVar[bool] = False

    family: Literal["conv"] = setting("conv", "kind of student")
    hidden: int = setting(96, "width of the piece vectors", ge=1)
    widths: tuple[Width, ...] = setting((1, 3, 5), "pieces that a filter sees: one group of filters for each")
    filters: int = setting(128, "filters of each width", ge=1)
    head: int = setting(0, "width of a hidden layer of the head; 0 for none", ge=0)
    init: First = setting("table", FIRST)
    encoder: str | None = setting(
        None, "a model folder or hub id that gives the first vectors, such as the teacher's base model; by default the teacher"
    )
    dropout: float = setting(0.1, "of the filters' answers, while training", ge=0, lt=1)

    @property
    def named_model(self) -> str | None:
        """The encoder of the first vectors."""
        return self.encoder

    def key(self) -> dict[str, object]:
        """Return what enters the cache key; an encoder counts by its content, not by its path."""
        return {name: value for name, value in super().key().items() if name != "encoder"}

    def problems(self, task: Task | None = None) -> Found:
        """Yield what is wrong with these settings, with the path inside them."""
        yield from super().problems(task)
        if not self.widths or len(set(self.widths)) != len(self.widths):
            yield ("widths",), Problem("P260", "widths names none, or one twice", "such as widths: [1, 3, 5]")
        if self.encoder is not None and self.init == "random":
            yield (
                ("encoder",),
                Problem("P260", "an encoder is named, and the first vectors are random", "leave one of them out"),
            )
