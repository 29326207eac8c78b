"""What students of every family have in common: how a profile names the family, and the vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from compactor.base.errors import Problem
from compactor.base.settings import Settings, setting

if TYPE_CHECKING:
    from compactor.tasks import Task

Found = Iterator[tuple[tuple[str | int, ...], Problem]]


class Pieces(Settings):
    """A smaller vocabulary."""

    keep: int | None = setting(
        None, "pieces to keep; by default special ones, single characters and what the training texts use", ge=1
    )
    characters: Literal["all", "scripts", "used"] = setting(
        "all",
        "single characters that stay whatever `keep` says: all, some 2,000 in BERT's, so that no new word is unknown; scripts, ASCII and "
        "those of the scripts of the training texts; used, those that occur there",
    )


class StudentSettings(Settings):
    """Base of the families; one file a family.

    Class attributes:
        layered: it has transformer layers, so that losses may look at its hidden states, attention and relations.
        heads_known: the model classes (as tasks name them) that the family has a head for; None for all.
    """

    layered: ClassVar[bool] = False
    heads_known: ClassVar[frozenset[str] | None] = frozenset({"AutoModelForSequenceClassification"})

    family: str
    vocabulary: int | Pieces | None = setting(
        None, "pieces that the student reads: a number, or {keep, characters}; by default the teacher's; WordPiece only"
    )

    @property
    def pieces(self) -> Pieces | None:
        """The vocabulary wanted; None for the teacher's."""
        return Pieces(keep=self.vocabulary) if isinstance(self.vocabulary, int) else self.vocabulary

    @property
    def longest(self) -> int | None:
        """The most pieces of a text that the student is to have positions for; None for the teacher's."""
        return None

    @property
    def named_model(self) -> str | None:
        """A model folder or hub id that these settings name; its content joins the cache key."""
        return None

    @property
    def grows_from_named(self) -> bool:
        """Whether the named model stands in the teacher's place when the student is built, tokenizer included."""
        return False

    def problems(self, task: Task | None = None) -> Found:
        """Yield what is wrong with these settings, with the path inside them."""
        if isinstance(self.vocabulary, int) and self.vocabulary < 1:
            yield ("vocabulary",), Problem("P261", f"vocabulary is {self.vocabulary}", "at least 1")
        if task is None:
            return
        if getattr(task, "input_kind", "text") == "image" and not self.layered:
            sentence = f"a {self.family} student reads pieces of text, and {task.name} has images"
            yield ("family",), Problem("P262", sentence, "use family: transformer")
        elif getattr(task, "input_kind", "text") == "image" and self.vocabulary is not None:
            yield (
                ("vocabulary",),
                Problem("P294", f"vocabulary cuts pieces of text, and {task.name} has images", "leave it out"),
            )
        elif self.heads_known is not None and task.model_class not in self.heads_known:
            sentence = f"a {self.family} student gives one answer a text, which is not what {task.name} asks for"
            yield ("family",), Problem("P262", sentence, "use family: transformer")

    def key(self) -> dict[str, Any]:
        """Return what enters the cache key; the family always, unless it is the first one there was.

        A model named by its path counts by its content: see the stage's fingerprint.
        """
        values = {name: value for name, value in super().key().items() if name != "family"}
        return values if self.family == "transformer" else {"family": self.family, **values}
