"""A smaller transformer: made from the teacher's layers, from another checkpoint, or of any architecture with random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from compactor.base.errors import Problem
from compactor.base.settings import setting
from compactor.models.students._settings import Found, StudentSettings

if TYPE_CHECKING:
    from compactor.tasks import Task


# Version of how a model is projected on fewer channels; bumped by hand when its result changes.
PROJECTION = 2


class TransformerStudent(StudentSettings):
    """The student's shape and where its first weights come from; what is not given is the teacher's."""

    layered: ClassVar[bool] = True
    heads_known: ClassVar[frozenset[str] | None] = None

    family: Literal["transformer"] = setting(
        "transformer", "kind of student: transformer, static, conv, or auto, a ladder of them"
    )
    layers: int | tuple[int, ...] | None = setting(
        None, "how many layers, spread evenly and the last among them (see `choose`); or which, from 0"
    )
    choose: Literal["even", "best"] = setting(
        "even",
        "which layers when `layers` is a number: spread evenly, or those without which the teacher's answers move least, "
        "searched on a few hundred rows without training",
    )
    hidden: int | None = setting(None, "width of the residual stream; needs init: pca or random", ge=8)
    heads: int | None = setting(None, "attention heads of a layer; by default as many as keep the teacher's head size", ge=1)
    intermediate: int | None = setting(None, "width of the feed-forward part; by default in the teacher's proportion", ge=8)
    embedding: int | None = setting(
        None, "width of a factorized piece table: table times projection, begun by singular value decomposition", ge=1
    )
    positions: int | None = setting(
        None,
        "positions that stay, so the most pieces of a text: longer ones are read up to there; the rest of the table is ballast",
        ge=2,
    )
    init: Literal["teacher-layers", "pca", "random"] = setting(
        "teacher-layers",
        "first weights: the teacher's layers, the same projected on the main directions of its states, or random",
    )
    model: str | None = setting(
        None,
        "a model folder or hub id to grow from instead of the teacher, with a tokenizer of its own; answers alone can teach it",
    )
    config: dict[str, Any] | None = setting(
        None,
        "a transformers configuration, such as {model_type: distilbert, dim: 128, n_layers: 2}: random weights, the teacher's pieces",
    )

    @property
    def longest(self) -> int | None:
        """The positions wanted."""
        return self.positions

    @property
    def named_model(self) -> str | None:
        """The checkpoint to grow from."""
        return self.model

    @property
    def grows_from_named(self) -> bool:
        """A named checkpoint takes the teacher's place."""
        return self.model is not None

    def key(self) -> dict[str, Any]:
        """Return what enters the cache key; a checkpoint counts by its content, not by its path, a projection with its version."""
        values = {name: value for name, value in super().key().items() if name != "model"}
        return values | {"projection": PROJECTION} if self.init == "pca" else values

    def problems(self, task: Task | None = None) -> Found:
        """Yield what is wrong with these settings, with the path inside them."""
        yield from super().problems(task)
        if getattr(task, "input_kind", "text") == "image":
            yield from self._image_problems()
        if self.config is not None:
            yield from self._config_problems()
            return
        if self.hidden is not None and self.init == "teacher-layers":
            yield ("init",), Problem("P160", "the teacher's layers do not fit another width", "with hidden, set init: pca")
        if self.hidden is None and self.init == "teacher-layers" and (self.heads or self.intermediate):
            name = "heads" if self.heads else "intermediate"
            yield (
                (name,),
                Problem("P161", f"{name} cannot change while layers are copied as they are", "set init: pca, or prune later"),
            )
        if self.hidden and self.heads and self.hidden % self.heads:
            yield (
                ("heads",),
                Problem("P151", f"{self.heads} heads do not divide {self.hidden} evenly", "choose a divisor of hidden"),
            )
        yield from self._layer_problems()
        if self.hidden and self.embedding and self.embedding >= self.hidden:
            sentence = f"embedding is {self.embedding}, no narrower than hidden {self.hidden}"
            yield ("embedding",), Problem("P263", sentence, "give less than hidden, or leave it out")

    def _image_problems(self) -> Found:
        if self.embedding is not None:
            yield (
                ("embedding",),
                Problem("P294", "embedding factorizes a table of pieces, and images have none", "leave it out"),
            )
        if self.positions is not None:
            yield ("positions",), Problem("P294", "positions are those of pieces of text, and images have none", "leave it out")
        if self.config is not None:
            yield (
                ("config",),
                Problem("P294", "config names a model that reads the teacher's pieces, and images have none", "use layers"),
            )
        if self.init == "pca":
            sentence = "init: pca projects models of texts, and this one sees images"
            yield ("init",), Problem("P294", sentence, "use init: teacher-layers, or random with another hidden")

    def _layer_problems(self) -> Found:
        if isinstance(self.layers, int) and self.layers < 1:
            yield ("layers",), Problem("P162", f"layers is {self.layers}", "at least 1")
        if isinstance(self.layers, tuple) and (not self.layers or min(self.layers) < 0):
            yield ("layers",), Problem("P162", "layers names none, or a negative one", "layers count from 0")
        if self.choose == "best" and not isinstance(self.layers, int):
            yield ("choose",), Problem("P162", "choose: best needs a number of layers to choose", "give layers: 3")
        if self.choose == "best" and self.init == "random":
            yield ("choose",), Problem("P162", "random layers stand for none of the teacher's", "leave choose out")

    def _config_problems(self) -> Found:
        assert self.config is not None
        if "model_type" not in self.config:
            yield ("config",), Problem("P264", "config names no model_type", "such as model_type: distilbert")
        named = [
            name
            for name in ("layers", "hidden", "heads", "intermediate", "embedding", "positions", "model")
            if getattr(self, name) is not None
        ]
        if named:
            sentence = f"{named[0]} stands beside config, which says the whole shape"
            yield (named[0],), Problem("P264", sentence, "leave one of the two out")
        for name in ("init", "choose"):
            if name in self.model_fields_set and getattr(self, name) not in ("random", "even"):
                sentence = f"{name} is about the teacher's layers, and a model of config begins with random weights"
                yield (name,), Problem("P264", sentence, "leave one of the two out")


def kept_layers(wanted: int | tuple[int, ...] | None, available: int) -> tuple[int, ...]:
    """Return which layers are kept: the ones named, or `wanted` of them spread evenly with the last among them.

    >>> kept_layers(3, 6)
    (1, 3, 5)
    """
    if wanted is None:
        return tuple(range(available))
    if isinstance(wanted, tuple):
        return wanted
    return tuple(round((number + 1) * available / wanted) - 1 for number in range(wanted))
