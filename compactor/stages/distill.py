"""Train a smaller student to answer as the teacher does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from compactor.base.artifact import Artifact
from compactor.base.errors import Problem, StageError
from compactor.base.settings import setting
from compactor.distillation.losses import LossList, LossTerm, needs, parse_losses
from compactor.distillation.trainer import TrainSettings
from compactor.models.transformer import StudentSettings, build_student
from compactor.stages._contract import Stage, Work

if TYPE_CHECKING:
    import numpy as np

    from compactor.targets import Target
    from compactor.tasks import Task

# Rows looked at for the main directions of the teacher's states.
PROJECTION_ROWS = 1024
PROJECTION_BATCH = 32


def default_losses() -> tuple[LossTerm, ...]:
    """Return what is used when a profile names no losses: mostly the teacher, a little of the labels."""
    return parse_losses([{"hinton": {"temperature": 2.0, "weight": 0.9}}, {"cross_entropy": {"weight": 0.1}}])


class Distill(Stage):
    """Build a student from the model before it, and train it on the teacher's answers and the labels."""

    takes: ClassVar[frozenset[str]] = frozenset({"torch"})
    gives: ClassVar[str] = "torch"
    uses_teacher: ClassVar[bool] = True

    @property
    def uses_extra(self) -> bool:
        """It trains on the rows that an augment stage made."""
        return True

    student: StudentSettings = Field(default_factory=StudentSettings, description="its shape and first weights")
    losses: LossList = Field(default_factory=default_losses, description="what is made small: a list of weighted losses")
    train: TrainSettings = setting(TrainSettings(epochs=10.0, learning_rate=2e-4), "how long and how fast")

    def problems(self, *, task: Task, target: Target) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
        """Yield what is wrong with these settings."""
        del task, target
        for path, problem in self.student.problems():
            yield ("student", *path), problem
        if all(_is_zero(term) for term in self.losses):
            yield ("losses",), Problem("P163", "every loss has weight 0: there is nothing to learn", "give one a weight")

    def run(self, source: Artifact | None, work: Work) -> None:
        """Fill `work.folder` with the trained student."""
        from compactor.distillation.objective import Objective
        from compactor.models import parameter_count, save
        from compactor.models.tokenizer import copy_tokenizer
        from compactor.stages._fitting import fit_model, validation_value
        from compactor.stages._inputs import load_model, teacher_signal

        assert source is not None
        self._check_tokenizers(source, work)
        copy_tokenizer(source.folder, work.folder)
        given = load_model(work, source.folder)
        student, work.facts["student"] = build_student(
            given, self.student, task=work.task, batches=self._batches(work), seed=work.seed
        )
        objective = Objective(self.losses, teacher_signal(work, self.losses), student)
        work.facts["losses"] = [term.model_dump() for term in self.losses]
        work.facts["parameters"] = parameter_count(student)
        work.facts["training"] = fit_model(student, work, objective, self.train, work.folder, "distilling")
        work.facts["validation"] = validation_value(student, work, work.folder)
        save(student, work.folder, work.folder, labels=work.data.labels)

    def _check_tokenizers(self, source: Artifact, work: Work) -> None:
        """Refuse losses that look inside a teacher which reads other pieces than the student."""
        from compactor.stages._inputs import teacher_folder, tokenizer_hash

        if not needs(self.losses) & {"hidden_states", "relations"}:
            return
        if tokenizer_hash(source.folder) != tokenizer_hash(teacher_folder(work)):
            sentence = "a loss looks inside the teacher, whose vocabulary is not the student's"
            raise StageError("L141", sentence, "distill before the vocabulary is pruned, or use hinton and cross_entropy only")

    def _batches(self, work: Work) -> Iterator[dict[str, np.ndarray]]:
        """Yield encoded training rows, chosen by the seed; nothing is encoded unless somebody asks."""
        import numpy as np

        from compactor.stages._inputs import encoded

        rows = encoded(work, work.folder, "train")
        chosen = np.random.default_rng(work.seed).permutation(len(rows))[:PROJECTION_ROWS]
        for start in range(0, len(chosen), PROJECTION_BATCH):
            yield rows.batch(chosen[start : start + PROJECTION_BATCH])


def _is_zero(term: LossTerm) -> bool:
    weight: Any = term.weight
    return float(weight if isinstance(weight, (int, float)) else max(weight.start, weight.end)) == 0.0
