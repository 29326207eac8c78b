"""What students made of piece vectors share: where their first vectors come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from compactor.base.errors import Problem
from compactor.base.settings import setting
from compactor.models.students._settings import Found, StudentSettings

if TYPE_CHECKING:
    from compactor.tasks import Task

First = Literal["encoder", "table", "random"]
FIRST = "first piece vectors: each piece sent once through the encoder, or the encoder's own piece table, either reduced by PCA; or random"


class PieceVectorStudent(StudentSettings):
    """Base of the families without layers.

    Attributes:
        init: where the first vectors come from; a setting of each family.
    """

    layered: ClassVar[bool] = False

    init: First
    encoder: str | None = setting(
        None,
        "a model folder or hub id whose encoder gives the first vectors, such as the teacher's base model; by default the teacher",
    )

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
        if self.encoder is not None and self.init == "random":
            sentence = "an encoder is named, and the first vectors are random"
            yield ("encoder",), Problem("P260", sentence, "leave one of them out")
