"""The way of a student through the distill stage: its trainings in order, and what learns or teaches beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from compactor.base.errors import StageError
from compactor.distillation.losses import LOSSES, Loss
from compactor.distillation.objective import Objective, TeacherSignal
from compactor.distillation.regimes.ema_teacher import EmaTeacher
from compactor.distillation.regimes.exits import Exits
from compactor.distillation.regimes.mixed_tasks import MixedTasks
from compactor.distillation.regimes.mutual import Mutual
from compactor.distillation.regimes.together import Companion, Together
from compactor.models import save
from compactor.stages._exit_values import exit_values
from compactor.stages._fitting import fit_model, validation_value
from compactor.stages._further_tasks import FurtherTasks
from compactor.stages._inputs import load_model, tokenizer_hash
from compactor.stages._inside import keep_inside
from compactor.stages._lessons import Lesson, depth, lessons, only_trained, read_finished, write_finished
from compactor.stages._teachers import TeacherModel, asks_for, problem_type, signal_of

if TYPE_CHECKING:
    from compactor.stages._contract import Work
    from compactor.stages._student import Prepared
    from compactor.stages.distill import Distill


@dataclass
class Learned:
    """A student that has been taught.

    Attributes:
        model: the student.
        exits: its early exits, None without.
        validation: `{metric, value, rows}` on the validation rows.
        facts: for the report.
    """

    model: Any
    exits: Exits | None
    validation: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)

    def save(self, work: Work, folder: Path) -> None:
        """Write the model, its tokenizer and its exits."""
        save(self.model, work.folder, folder, labels=work.data.labels)
        if self.exits is not None:
            self.exits.save(folder, {"validation": self.facts.get("exits", {})})


class Course:
    """One student, or several that learn together, from first weights to the end.

    Args:
        stage: its settings.
        work: the stage's.
        prepared: builds students.
        teachers: who teaches; empty when the labels alone do.
        checkpoints: a folder of this course's own.
        seed: for first weights that are random; by default the work's.
    """

    def __init__(
        self,
        stage: Distill,
        work: Work,
        prepared: Prepared,
        teachers: Sequence[TeacherModel],
        checkpoints: Path,
        seed: int | None = None,
    ) -> None:
        self.stage, self.work, self.teachers, self.checkpoints = stage, work, teachers, checkpoints
        self.prepared, self.seed = prepared, work.seed if seed is None else seed
        student, self.student_facts = prepared.build(self.seed)
        self.students: list[Any] = [student, *self._peers()]
        self.exits = self._exits(student)
        self.tasks = FurtherTasks(stage.tasks, work, student) if stage.tasks else None
        self._inside: Any = None

    def run(self) -> Learned:
        """Train to the end, going on where an earlier run was stopped."""
        done = [{"name": lesson.name, **self._lesson(lesson)} for lesson in self._lessons()]
        for model in self.students:
            model.eval()
        facts: dict[str, Any] = {"student": self.student_facts, "training": done[-1]}
        if len(done) > 1:
            facts["phases"] = done
        if self.teachers:
            facts["teachers"] = [{"content": teacher.content, "weight": teacher.weight} for teacher in self.teachers]
        if self.tasks is not None:
            facts["tasks"] = self.tasks.facts
        chosen, validation = self._chosen(facts)
        if self.exits is not None:
            facts["exits"] = exit_values(chosen, self.exits, self.work)
        return Learned(chosen, self.exits, validation, facts)

    def _lessons(self) -> list[Lesson]:
        stage = self.stage
        layered = any(phase.layer_by_layer for phase in stage.lessons)
        teacher_layers = depth(self._looked_into()) if layered else 0
        return lessons(stage.lessons, stage.terms(self.work.task), depth(self.students[0]), teacher_layers)

    def _lesson(self, lesson: Lesson) -> dict[str, Any]:
        """Do one training, or find it done."""
        folder = self.checkpoints / lesson.name
        if lesson.train.quantization_aware is not None:
            for student in self.students:
                getattr(student, "fold", lambda: None)()  # what is rounded is the table with the weights of its pieces in it
        modules = [*self.students, *([self.exits] if self.exits else []), *([self.tasks.heads] if self.tasks else [])]
        learners = nn.ModuleList(modules)
        facts = read_finished(folder, learners)
        if facts is not None:
            return facts
        with only_trained(self.students, lesson):
            objective = self._objective(lesson)
            facts = fit_model(
                self.students[0],
                self.work,
                objective,
                lesson.train,
                self.work.folder,
                lesson.name,
                checkpoints=folder,
                rows=self.tasks.rows if self.tasks is not None and lesson.layer is None else None,
            )
        facts["losses"] = [term.model_dump() for term in lesson.losses]
        learners.to("cpu")
        write_finished(folder, learners, facts)
        return facts

    def _objective(self, lesson: Lesson) -> Any:
        """Return what a lesson makes small: the losses, the companions beside them, the further tasks around all."""
        signal = self._signal(lesson)
        objective = Objective(lesson.losses, signal, self.students[0])
        if lesson.layer is not None:
            return objective
        companions = list(self._companions(lesson, signal))
        whole = Together(objective, companions) if companions else objective
        return (
            whole
            if self.tasks is None
            else MixedTasks(whole, self.tasks.heads, starts=self.tasks.starts, tasks=self.stage.tasks)
        )

    def _companions(self, lesson: Lesson, signal: TeacherSignal | None) -> list[Companion]:
        stage, found = self.stage, list[Companion]()
        if stage.mutual is not None:
            peers = self.students[1:]
            objectives = [Objective(lesson.losses, signal, peer) for peer in peers]
            loss, kind = self._divergence(stage.mutual.temperature), problem_type(self.work.task)
            found.append(Mutual(peers, objectives, loss=loss, weight=stage.mutual.weight, problem_type=kind))
        if stage.ema_teacher is not None:
            ema = stage.ema_teacher
            loss = self._divergence(ema.temperature)
            found.append(EmaTeacher(loss=loss, weight=ema.weight, decay=ema.decay, keep=ema.keep == "average"))
        if self.exits is not None:
            found.append(self.exits)
        return found

    def _signal(self, lesson: Lesson) -> TeacherSignal | None:
        """Return what the losses need of the teachers; a model that is looked into is loaded once for all lessons."""
        losses, work = lesson.losses, self.work
        answers, inside = asks_for(losses)
        signal = signal_of(work, self.teachers, losses, self.stage.teacher_outputs, lesson.train.precision) if answers else None
        if not inside:
            return signal
        model, kept = self._looked_into(), None
        if self.tasks is None:
            place, most = self.checkpoints / lesson.name, self.stage.inside_gb
            kept = keep_inside(work, model, self.students, losses, lesson.train, work.folder, place, most=most)
        return TeacherSignal(signal.logits if signal else None, model, kept)

    def _looked_into(self) -> Any:
        """Return the first teacher's model, reading the student's pieces.

        Raises:
            StageError: L141 it reads other pieces than the student.
        """
        if self._inside is None:
            folder = self.teachers[0].folder
            pieces = tokenizer_hash(folder)
            if pieces not in {tokenizer_hash(self.prepared.tokenizer), tokenizer_hash(self.work.folder)}:
                sentence = "a loss looks inside the teacher, whose vocabulary is not the student's"
                hint = "distill before the vocabulary is pruned, or use hinton and cross_entropy only"
                raise StageError("L141", sentence, hint)
            model = load_model(self.work, folder)
            self._inside = model if pieces == tokenizer_hash(self.work.folder) else self.prepared.fit(model)
        return self._inside

    def _peers(self) -> list[Any]:
        """Build the further students of mutual learning, each from a seed of its own."""
        mutual = self.stage.mutual
        if mutual is None:
            return []
        shapes = mutual.peers or (None,) * mutual.further
        return [self.prepared.build(self.seed + number, settings=shape)[0] for number, shape in enumerate(shapes, start=1)]

    def _exits(self, student: Any) -> Exits | None:
        given, layers = self.stage.exits, depth(student)
        if given is None:
            return None
        chosen = tuple(range(1, layers)) if given.layers == "all" else given.layers
        if not chosen or max(chosen) >= layers:
            sentence = f"exits after layers {list(chosen)} were asked for, the student has {layers}"
            raise StageError("L192", sentence, "layers count from 1, and the last is no exit")
        return Exits(
            student,
            chosen,
            len(self.work.data.labels),
            label_loss=self._loss("label_loss", "cross_entropy", None),
            teacher_loss=self._divergence(given.temperature),
            weight=given.weight,
            labels=given.labels,
            seed=self.work.seed,
        )

    def _chosen(self, facts: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Return the student that goes on, and its validation value."""
        values = [validation_value(model, self.work, self.work.folder) for model in self.students]
        mutual, best = self.stage.mutual, 0
        if mutual is not None:
            if mutual.keep == "best":
                best = max(range(len(values)), key=lambda number: values[number]["value"])
            facts["mutual"] = {"validation": [value["value"] for value in values], "kept": best + 1}
        return self.students[best], values[best]

    def _divergence(self, temperature: float) -> Loss:
        """Return the task's divergence between two models' answers."""
        return self._loss("teacher_loss", "hinton", temperature)

    def _loss(self, role: str, default: str, temperature: float | None) -> Loss:
        kind = LOSSES.load(getattr(self.work.task, role, None) or default)
        return kind.model_validate({"temperature": temperature} if temperature and "temperature" in kind.model_fields else {})
