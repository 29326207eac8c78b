"""Take layers, neurons, heads, channels and vocabulary pieces out of a model, and let the rest recover on the teacher's answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from compactor.base.artifact import Artifact
from compactor.base.errors import Problem
from compactor.base.settings import setting
from compactor.distillation.losses import LossList, LossTerm, needs
from compactor.distillation.trainer import TrainSettings
from compactor.models.students import Pieces
from compactor.models.students.transformer import PROJECTION
from compactor.stages._aims import Aim
from compactor.stages._contract import Stage, Work
from compactor.stages._losses import default_losses, loss_problems
from compactor.stages._prune_problems import combination_problems

if TYPE_CHECKING:
    from compactor.stages._pruning import Course
    from compactor.targets import Target
    from compactor.tasks import Task

# Version of what decides which channels go; bumped by hand when its result changes.
CHANNELS = 2
Count = Annotated[int, Field(ge=1, strict=True)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Recover(TrainSettings):
    """A short training on the teacher's answers, after the cut."""

    epochs: float = setting(2.0, "times through the training rows; a fraction stops inside an epoch", gt=0)
    learning_rate: float = setting(5e-5, "the highest learning rate", gt=0)
    losses: LossList = Field(default_factory=default_losses, description="what is made small: a list of weighted losses")
    extra: bool = setting(True, "train on the rows of an augment stage too, if there is one")

    def terms(self, task: Task) -> tuple[LossTerm, ...]:
        """Return the losses, the task's own where none are named."""
        return self.losses if "losses" in self.model_fields_set else default_losses(task)


class Prune(Stage):
    """Make a model physically smaller: fewer layers, narrower layers, fewer pieces; refit by least squares; recover."""

    takes: ClassVar[frozenset[str]] = frozenset({"torch"})
    gives: ClassVar[str] = "torch"
    uses_teacher: ClassVar[bool] = True

    layers: Count | tuple[int, ...] | None = setting(None, "how many layers stay, spread evenly; or which, from 0")
    intermediate: Count | Share | tuple[Count, ...] | None = setting(
        None, "feed-forward neurons that stay: a share (0.5), a number, or a number for each layer that stays"
    )
    heads: Count | Share | tuple[Count, ...] | None = setting(
        None,
        "attention heads that stay: a share (0.5), a number, or a number for each layer that stays; of a decoder heads of key and "
        "value, each with the queries that share it",
    )
    hidden: Count | Share | None = setting(
        None, "channels of the residual stream that stay, the same in all layers: a share, or a multiple of the head size"
    )
    vocabulary: Count | Pieces | None = setting(None, "pieces that stay: a number, or {keep, characters}; WordPiece only")
    positions: Count | None = setting(
        None,
        "positions that stay, so the most pieces of a text: longer ones are read up to there; models with a table of them only",
    )
    aim: Aim | None = setting(
        None,
        "instead of intermediate and heads: what the model must be, and they are chosen; "
        "one of ratio, parameters, size_mb, latency_ms, speedup",
    )
    scope: Literal["local", "global"] = setting(
        "local", "local: the same share in every layer; global: the least important of all layers go, so that widths differ"
    )
    normalise: Literal["sum", "l2", "none"] = setting(
        "sum", "how global scope compares layers: scores divided by their sum, by their norm, or, taylor's alone, as they are"
    )
    floor: float = setting(
        0.125, "share of each layer's neurons and heads that global scope, or an aim, leaves at least", ge=0, lt=1
    )
    importance: Literal["wanda", "magnitude", "random", "taylor", "taylor-squared"] = setting(
        "wanda",
        "what decides which neurons, heads and channels go: weights times activations, weights alone, chance, or how much the loss changes "
        "to first order without them: its size, or its square",
    )
    gradients: Literal["labels", "teacher"] = setting(
        "labels", "taylor: the loss whose gradients count, on the labels or on the teacher's answers"
    )
    steps: int = setting(
        1, "cuts, one after the other; scores are taken again before each, and `recover` runs after each", ge=1
    )
    schedule: Literal["geometric", "linear", "cubic"] = setting(
        "geometric", "of `steps`: the same share of the rest each time, as much each time, or much first and little at the end"
    )
    refit: bool = setting(True, "give the map behind a cut the least-squares weights for its old output")
    round_to: int = setting(8, "a share of neurons is rounded to a multiple of this", ge=1)
    calibration: int = setting(
        256, "training rows that importance and refit look at; for `hidden` as many of these as have some 4,096 pieces", ge=1
    )
    recover: Recover | None = setting(None, "train on the teacher's answers after each cut: {epochs, learning_rate, ...}")

    @property
    def uses_extra(self) -> bool:
        """Recovery trains on the rows that an augment stage made, unless it is told not to."""
        return self.recover is not None and self.recover.extra

    @property
    def uses_target(self) -> bool:  # type: ignore[override]  # a stage's constant, here a matter of its settings
        """An aim in megabytes or milliseconds is reached on the target."""
        return self.aim is not None and self.aim.needs_graph

    @property
    def narrows(self) -> bool:
        """Whether layers become narrower."""
        return any(each is not None for each in (self.intermediate, self.heads, self.hidden, self.aim))

    @property
    def in_steps(self) -> bool:
        """Whether the vocabulary goes first: an aim counts what is left of it, and every recovery reads the smaller one."""
        return self.aim is not None or self.steps > 1

    def key(self) -> dict[str, Any]:
        """Return the settings for the cache key, with the versions of what a cut of channels looks at and of its refit."""
        return super().key() | ({} if self.hidden is None else {"projection": PROJECTION, "channels": CHANNELS})

    def asks_teacher(self, task: Task) -> frozenset[str]:
        """Return what the losses of recovery, and of scores by the teacher's answers, need."""
        asked = frozenset() if self.recover is None else needs(self.recover.terms(task))
        return asked | ({"logits"} if self.importance.startswith("taylor") and self.gradients == "teacher" else frozenset())

    def problems(self, *, task: Task, target: Target) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
        """Yield what is wrong with these settings."""
        if self.recover is not None:
            yield from loss_problems(task, self.recover.terms(task), ("recover", "losses"))
        if self.aim is not None:
            yield from self.aim.problems(target)
        yield from combination_problems(self, task)

    def run(self, source: Artifact | None, work: Work) -> None:
        """Fill `work.folder` with the smaller model."""
        from compactor.stages._narrowing import narrow_in_steps
        from compactor.stages._pruning import Course

        assert source is not None
        course = Course(work, source.folder)
        if self.layers is not None:
            course.cut_layers(self.layers)
        if self.in_steps:
            self._cut_tables(course)
        narrowing = narrow_in_steps(course, self) if self.narrows else None
        if not self.in_steps:
            self._cut_tables(course)
        if self.recover is not None:
            course.recover(self.recover, self.recover.terms(work.task))
        course.save()
        if narrowing is not None:
            narrowing.tell(work)

    def _cut_tables(self, course: Course) -> None:
        if self.vocabulary is not None:
            vocabulary = Pieces(keep=self.vocabulary) if isinstance(self.vocabulary, int) else self.vocabulary
            course.cut_vocabulary(vocabulary.keep, vocabulary.characters)
        if self.positions is not None:
            course.cut_positions(self.positions)
