"""Train a smaller student to answer as the teacher does."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from compactor.base.artifact import Artifact
from compactor.base.errors import Problem
from compactor.base.settings import setting
from compactor.distillation.keeping import TeacherOutputs, keeping_problems
from compactor.distillation.losses import LossList, LossTerm
from compactor.distillation.regimes.problems import regime_problems, zero_problems
from compactor.distillation.regimes.settings import (
    FIRST,
    BornAgain,
    EmaTeacher,
    Exits,
    FurtherTask,
    Mutual,
    Phase,
    TeacherEntry,
)
from compactor.distillation.trainer import TrainSettings
from compactor.models.students import SHAPES, AutoStudent, Student, TransformerStudent
from compactor.stages._contract import Stage, Work
from compactor.stages._images import train_problems
from compactor.stages._ladder import climb
from compactor.stages._ladder_settings import ladder_problems
from compactor.stages._losses import default_losses, loss_problems
from compactor.stages._student import student_fingerprint, student_problems

if TYPE_CHECKING:
    from compactor.targets import Target
    from compactor.tasks import Task


class Distill(Stage):
    """Build a student from the model before it, and train it on the teacher's answers and the labels."""

    takes: ClassVar[frozenset[str]] = frozenset({"torch", "answers"})
    gives: ClassVar[str] = "torch"
    version: ClassVar[int] = 2
    uses_teacher: ClassVar[bool] = True

    student: Student = Field(default_factory=TransformerStudent, description="its shape and first weights")
    losses: LossList = Field(default_factory=default_losses, description="what is made small: a list of weighted losses")
    train: TrainSettings = setting(partial(TrainSettings, epochs=10.0, learning_rate=2e-4), "how long and how fast")
    phases: tuple[Phase, ...] = setting((), "several trainings in order, instead of losses and train: [{losses, train}, ...]")
    teacher: str = setting(
        FIRST, "who teaches: first (of the chain), previous (what this stage starts from), a model folder, or a hub id"
    )
    teachers: tuple[TeacherEntry, ...] = setting((), "several teachers instead of one: [{model, weight}, ...]")
    teacher_outputs: TeacherOutputs | None = setting(
        None, "keep only the highest logits of each answer, for many thousands of labels: {top_k: 32, temperature: 2}"
    )
    inside_gb: float = setting(
        2.0,
        "disk for what losses read inside the teacher, kept for all rows while the student learns; if it would be more, "
        "the teacher runs at every step",
        ge=0,
    )
    mutual: Mutual | None = setting(None, "students trained together that teach each other: {students: 2}")
    born_again: BornAgain | None = setting(None, "generations of students, each taught by the one before: {generations: 2}")
    ema_teacher: EmaTeacher | None = setting(None, "the running average of the student teaches along: {decay: 0.999}")
    exits: Exits | None = setting(None, "early exits after inner layers, taught along: {layers: [1, 2]}")
    tasks: tuple[FurtherTask, ...] = setting((), "further data sets that train the same encoder: [{name, data, weight}, ...]")

    @property
    def looks_ahead(self) -> bool:
        """A ladder of students is judged by the budget, in the precision that the stages after it make."""
        return isinstance(self.student, AutoStudent)

    @property
    def uses_extra(self) -> bool:
        """It trains on the rows that an augment stage made."""
        return True

    @property
    def lessons(self) -> tuple[Phase, ...]:
        """The trainings in order; a single one where no phases are named."""
        return self.phases or (Phase(train=self.train),)

    def terms(self, task: Task) -> tuple[LossTerm, ...]:
        """Return the losses, the task's own where none are named."""
        return self.losses if "losses" in self.model_fields_set else default_losses(task)

    def taught_by(self) -> tuple[TeacherEntry, ...]:
        """Return the teachers that are named."""
        return self.teachers or (TeacherEntry(model=self.teacher),)

    def asks_teacher(self, task: Task) -> frozenset[str]:
        """Return what its losses need, unless teachers of its own answer them."""
        if not any(entry.in_chain for entry in self.taught_by()):
            return frozenset()
        from compactor.distillation.losses import needs

        # Probabilities are averaged, and their highest kept, whatever the losses look at.
        more = {"logits"} if len(self.taught_by()) > 1 else set()
        more |= {"highest_logits"} if self.teacher_outputs is not None else set()
        return frozenset(more).union(*(needs(phase.losses or self.terms(task)) for phase in self.lessons))

    def _looks_inside(self, task: Task) -> bool:
        from compactor.distillation.losses import needs

        losses = [phase.losses or self.terms(task) for phase in self.lessons]
        return any(needs(terms) & {"hidden_states", "relations"} for terms in losses)

    def problems(self, *, task: Task, target: Target) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
        """Yield what is wrong with these settings."""
        del target
        for number, phase in enumerate(self.lessons):
            before: tuple[str | int, ...] = ("phases", number) if self.phases else ()
            losses = phase.losses or self.terms(task)
            yield from _below(before, student_problems(self.student, losses, task), first=number == 0)
            if isinstance(self.student, AutoStudent):
                yield from ladder_problems(self, phase, losses, before)
            yield from loss_problems(task, losses, (*before, "losses"))
            yield from train_problems(task, phase.train, (*before, "train"))
            yield from zero_problems(losses, (*before, "losses"))
            yield from keeping_problems(self.teacher_outputs, losses, (*before, "losses"))
        if "inside_gb" in self.model_fields_set and not self._looks_inside(task):
            sentence = "no loss looks inside the teacher, and nothing of it is kept"
            yield ("inside_gb",), Problem("P177", sentence, "leave inside_gb out")
        yield from self._peer_problems(task)
        yield from regime_problems(self, task)

    def _peer_problems(self, task: Task) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
        """Yield what is wrong with peers of mutual learning, alone and together with the losses, which are theirs too."""
        for number, peer in enumerate(self.mutual.peers if self.mutual is not None else ()):
            place = ("mutual", "peers", number)
            for phase, lesson in enumerate(self.lessons):
                for path, problem in student_problems(peer, lesson.losses or self.terms(task), task):
                    if path[:1] == ("losses",):
                        yield place, problem
                    elif phase == 0:
                        yield (*place, *path[1:]), problem

    def fingerprint(self, near: tuple[Path, ...]) -> dict[str, Any]:
        """Return content hashes of what is named outside the profile: teachers, further data, a model that the student grows from."""
        from compactor.data import fingerprint_data
        from compactor.models.finding import model_fingerprint

        parts: dict[str, Any] = dict(student_fingerprint(self.student, near))
        named = [entry for entry in self.taught_by() if not entry.in_chain]
        if named:
            parts["teachers"] = [model_fingerprint(entry.model, near) for entry in named]
        if self.tasks:
            parts["tasks"] = [fingerprint_data(task.data, near=near) for task in self.tasks]
        return parts

    def key(self) -> dict[str, Any]:
        """Return the settings for the cache key; a teacher's folder counts by its content, see `fingerprint`."""
        named = not TeacherEntry(model=self.teacher).in_chain
        return {name: value for name, value in super().key().items() if name != "teacher" or not named}

    def settled(self, facts: dict[str, Any]) -> Distill:
        """Return these settings with the student that a ladder took."""
        rung = facts.get("rung")
        if not isinstance(self.student, AutoStudent) or rung is None:
            return self
        return self.model_copy(update={"student": SHAPES[rung["family"]].model_validate(rung)})

    def on_labels(self, label_loss: str) -> Distill:
        """Return the control: the same student, as many steps, the labels alone."""
        train = self.lessons[-1].train
        if len(self.phases) > 1:
            train = train.model_copy(update={"epochs": sum(phase.train.epochs for phase in self.phases)})
        given = self.model_fields_set & {"student", "train"} | ({"train"} if self.phases else set())
        settings = {"student": self.student, "train": train}
        return type(self).model_validate(
            {**{name: settings[name] for name in sorted(given)}, "losses": [{label_loss: {"weight": 1.0}}]}
        )

    def run(self, source: Artifact | None, work: Work) -> None:
        """Fill `work.folder` with the trained student."""
        from compactor.models import parameter_count
        from compactor.stages._distilling import Course
        from compactor.stages._generations import teach_generations
        from compactor.stages._student import prepare_student
        from compactor.stages._teachers import asks_for, resolve_teachers

        assert source is not None
        if isinstance(self.student, AutoStudent):
            climb(self, source, work)
            return
        prepared = prepare_student(work, source.folder, self.student)
        asked = any(any(asks_for(phase.losses or self.terms(work.task))) for phase in self.lessons)
        teachers = resolve_teachers(work, source, self.taught_by()) if asked else ()
        if self.born_again is not None:
            teach_generations(self, work, prepared, teachers)
            return
        learned = Course(self, work, prepared, teachers, work.checkpoints).run()
        learned.save(work, work.folder)
        work.facts.update(learned.facts, validation=learned.validation, parameters=parameter_count(learned.model))


def _below(
    before: tuple[str | int, ...], found: Iterator[tuple[tuple[str | int, ...], Problem]], *, first: bool
) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
    """Yield problems of losses where they stand in a phase; those of the student once."""
    for path, problem in found:
        if path[:1] == ("losses",):
            yield (*before, *path), problem
        elif first:
            yield path, problem
