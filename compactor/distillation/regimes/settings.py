"""What a profile may say about regimes; what makes no sense is told by `problems.py`."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field

from compactor.base.settings import Settings, setting
from compactor.data.settings import DataSettings
from compactor.distillation.losses import LossList
from compactor.distillation.schedules import Schedule
from compactor.distillation.trainer import TrainSettings
from compactor.models.students import Rung

Weight = Annotated[float, Field(ge=0)] | Schedule
# The words that name a model of the chain; anything else is a folder or a hub id.
FIRST, PREVIOUS = "first", "previous"


class Phase(Settings):
    """One of several trainings in order."""

    losses: LossList | None = setting(None, "what is made small in this phase; by default as for a single training")
    train: TrainSettings = setting(partial(TrainSettings, epochs=10.0, learning_rate=2e-4), "how long and how fast")
    freeze: int | None = setting(
        None, "the embeddings and so many of the lowest layers stay as they are; 0 is the embeddings alone", ge=0
    )
    layer_by_layer: bool = setting(
        False,
        "one training for each of the student's layers, from the lowest, everything else frozen; its losses compare layers only",
    )


class TeacherEntry(Settings):
    """One of several teachers."""

    model: str = setting(
        FIRST, f"{FIRST} (of the chain), {PREVIOUS} (what this stage starts from), a model folder, or a hub id"
    )
    weight: float = setting(1.0, "its share in the mean of probabilities; only proportions count", gt=0)

    @property
    def in_chain(self) -> bool:
        """Whether it names a model of the chain, not a folder."""
        return self.model in {FIRST, PREVIOUS}

    def key(self) -> dict[str, Any]:
        """Return what enters the cache key; a folder counts by its content, see the stage's `fingerprint`."""
        return {name: value for name, value in super().key().items() if name != "model" or self.in_chain}


class Mutual(Settings):
    """Deep mutual learning: students trained together on the same batches, each also taught by the mean of the others."""

    students: int = setting(2, "students in all; they have the same shape and different seeds", ge=2)
    peers: tuple[Rung, ...] = setting((), "instead of `students`: the shape of each further student")
    weight: Weight = setting(1.0, "of the divergence from the others' mean; a number or {from, to}")
    temperature: float = setting(1.0, "how far the probabilities are evened out", gt=0)
    keep: Literal["best", "first"] = setting("best", "which student goes on: the best on the validation rows, or the first")

    @property
    def further(self) -> int:
        """Number of students beside the first."""
        return len(self.peers) or self.students - 1


class BornAgain(Settings):
    """Generations: each is a new student of the same shape, taught by the one before it."""

    generations: int = setting(2, "students in all, one after another; the first learns from the teacher", ge=2)
    keep: Literal["last", "best"] = setting("last", "which generation goes on: the last, or the best on the validation rows")


class EmaTeacher(Settings):
    """Mean teacher: the running average of the student's weights teaches along."""

    decay: float = setting(0.999, "share of the old average that is kept at each step", gt=0, lt=1)
    weight: Weight = setting(1.0, "of the divergence from the average's answer; a number or {from, to}")
    temperature: float = setting(1.0, "how far the probabilities are evened out", gt=0)
    keep: Literal["student", "average"] = setting("student", "which weights are the result")


class Exits(Settings):
    """Early exits: a head after inner layers, taught by the labels and by the last layer."""

    layers: Literal["all"] | tuple[int, ...] = setting("all", "after which of the student's layers, from 1; not the last")
    weight: Weight = setting(0.5, "of all exits together; a number or {from, to}")
    labels: float = setting(0.3, "share of the labels; the last layer's answer has the rest", ge=0, le=1)
    temperature: float = setting(2.0, "how far the probabilities are evened out", gt=0)


class FurtherTask(Settings):
    """Another data set that trains the same encoder, through a head of its own that is dropped at the end."""

    name: str = setting(..., "a word for the curve", pattern=r"^[A-Za-z0-9_.-]+$")
    data: DataSettings = setting(..., "its rows, as in the head of a profile")
    weight: float = setting(1.0, "of its cross-entropy", gt=0)
