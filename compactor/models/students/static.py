"""A bag of piece embeddings: no layers, the sum of a text's piece vectors over the root of their number, and a small head."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from compactor.base.errors import Problem
from compactor.base.settings import setting
from compactor.models.students._settings import Found, StudentSettings

if TYPE_CHECKING:
    from compactor.tasks import Task

First = Literal["encoder", "table", "random"]
FIRST = "first piece vectors: each piece sent once through the encoder, or the encoder's own piece table, either reduced by PCA; or random"


class StaticStudent(StudentSettings):
    """Piece vectors, weighted, summed and divided by the root of their number; then a head.

    A text's order does not matter to it, nor which of two sentences a piece is in. Related to Model2Vec (sentence vectors by the
    same first vectors, without the training on a teacher's answers) and fastText's classifier.
    """

    layered: ClassVar[bool] = False

    family: Literal["static"] = setting("static", "kind of student")
    hidden: int = setting(256, "width of the piece vectors", ge=1)
    head: int = setting(512, "width of the head's one hidden layer; 0 for none", ge=0)
    init: First = setting("encoder", FIRST)
    encoder: str | None = setting(
        None,
        "a model folder or hub id whose encoder gives the first vectors, such as the teacher's base model; by default the teacher",
    )
    frequency: float = setting(
        1e-3,
        "a in the first weight a / (a + p) of a piece that makes the share p of all pieces; 0 gives all pieces the weight 1",
        ge=0,
    )
    bigrams: int = setting(0, "rows of a second table for hashed pairs of neighbouring pieces; 0 for none", ge=0)
    dropout: float = setting(0.1, "of text vectors and the hidden layer, while training", ge=0, lt=1)

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
            yield (
                ("encoder",),
                Problem("P260", "an encoder is named, and the first vectors are random", "leave one of them out"),
            )
