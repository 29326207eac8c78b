"""Take layers, neurons, heads and vocabulary pieces out of a model, and let the rest recover on the teacher's answers."""

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
from compactor.stages._contract import Stage, Work
from compactor.stages._losses import default_losses, loss_problems

if TYPE_CHECKING:
    from compactor.targets import Target
    from compactor.tasks import Task

Count = Annotated[int, Field(ge=1, strict=True)]
Share = Annotated[float, Field(gt=0, lt=1)]
FEWEST_NEURONS = 8


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
        None, "attention heads that stay: a share (0.5), a number, or a number for each layer that stays"
    )
    vocabulary: Count | Pieces | None = setting(None, "pieces that stay: a number, or {keep, characters}; WordPiece only")
    importance: Literal["wanda", "magnitude", "random"] = setting(
        "wanda", "what decides which neurons and heads go: weights times activations, weights alone, or chance"
    )
    refit: bool = setting(True, "give the map behind a cut the least-squares weights for its old output")
    round_to: int = setting(8, "a share of neurons is rounded to a multiple of this", ge=1)
    calibration: int = setting(256, "training rows whose activations are looked at for importance and refit", ge=1)
    recover: Recover | None = setting(None, "train on the teacher's answers afterwards: {epochs, learning_rate, ...}")

    @property
    def uses_extra(self) -> bool:
        """Recovery trains on the rows that an augment stage made, unless it is told not to."""
        return self.recover is not None and self.recover.extra

    def asks_teacher(self, task: Task) -> frozenset[str]:
        """Return what the losses of recovery need."""
        return frozenset() if self.recover is None else needs(self.recover.terms(task))

    def problems(self, *, task: Task, target: Target) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
        """Yield what is wrong with these settings."""
        del target
        if self.recover is not None:
            yield from loss_problems(task, self.recover.terms(task), ("recover", "losses"))
        if self.layers is None and self.intermediate is None and self.heads is None and self.vocabulary is None:
            hint = "give layers, intermediate, heads or vocabulary, such as intermediate: 0.5"
            yield (), Problem("P170", "prune removes nothing: no part is named", hint)
        if isinstance(self.intermediate, int) and self.intermediate < FEWEST_NEURONS:
            sentence = f"intermediate keeps {self.intermediate} neurons in each layer"
            yield (
                ("intermediate",),
                Problem("P171", sentence, "a share has a point, as in 0.5; a number of neurons is 8 or more"),
            )

    def run(self, source: Artifact | None, work: Work) -> None:
        """Fill `work.folder` with the smaller model."""
        from compactor.stages._pruning import Course

        assert source is not None
        course = Course(work, source.folder)
        if self.layers is not None:
            course.cut_layers(self.layers)
        wanted: dict[Any, Any] = {"intermediate": self.intermediate, "heads": self.heads}
        wanted = {part: value for part, value in wanted.items() if value is not None}
        if wanted:
            rows, refit = self.calibration, self.refit
            course.narrow(wanted, importance=self.importance, round_to=self.round_to, rows=rows, refit=refit)
        if self.vocabulary is not None:
            vocabulary = Pieces(keep=self.vocabulary) if isinstance(self.vocabulary, int) else self.vocabulary
            course.cut_vocabulary(vocabulary.keep, vocabulary.characters)
        if self.recover is not None:
            course.recover(self.recover, self.recover.terms(work.task))
        course.save()
