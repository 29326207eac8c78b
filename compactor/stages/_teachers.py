"""Who teaches: the chain's teacher (several seeds of it, if it was made so), the model before, further folders; their answers as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.artifact import Artifact
from compactor.base.errors import StageError
from compactor.base.hashing import hash_folder, hash_value
from compactor.distillation.regimes.settings import FIRST, TeacherEntry

if TYPE_CHECKING:
    import numpy as np

    from compactor.distillation.keeping import TeacherOutputs
    from compactor.distillation.losses import LossTerm
    from compactor.distillation.objective import TeacherSignal
    from compactor.distillation.precision import Precision
    from compactor.distillation.teacher_outputs import KeptTop
    from compactor.stages._contract import Work
    from compactor.stages._inputs import Split
    from compactor.tasks import Task

# Where a teacher of several seeds keeps the further ones, below its artifact's folder.
MEMBERS = "members"


@dataclass(frozen=True)
class TeacherModel:
    """One finished model that teaches.

    Attributes:
        folder: a torch model folder, labels in the data's order.
        content: hash of its files; part of the identity of its kept answers.
        weight: its share in the mean of several.
    """

    folder: Path
    content: str
    weight: float = 1.0


def chain_teacher(work: Work, weight: float = 1.0) -> tuple[TeacherModel, ...]:
    """Return the chain's teacher; if it was made with several seeds, all of them, sharing the weight."""
    from compactor.stages._inputs import teacher_folder

    folder = teacher_folder(work)
    assert work.teacher is not None
    members = sorted((folder / MEMBERS).glob("*"), key=lambda path: int(path.name))
    share = weight / (1 + len(members))
    further = [TeacherModel(path, content_of(path), share) for path in members]
    return (TeacherModel(folder, work.teacher.content, share), *further)


def resolve_teachers(work: Work, source: Artifact, entries: Sequence[TeacherEntry]) -> tuple[TeacherModel, ...]:
    """Return the models that a profile names as teachers, the first of them first: it is the one that losses look into."""
    found: list[TeacherModel] = []
    for entry in entries:
        if entry.model == FIRST:
            found += chain_teacher(work, entry.weight)
        elif entry.in_chain:
            found.append(TeacherModel(source.folder, source.content, entry.weight))
        else:
            folder = _prepared(work, entry.model)
            found.append(TeacherModel(folder, content_of(folder), entry.weight))
    return tuple(found)


def content_of(folder: Path) -> str:
    """Return the hash of a model folder's files, its members' left out."""
    return hash_value({name: entry["sha256"] for name, entry in hash_folder(folder).items() if not name.startswith(MEMBERS)})


def mean_logits(
    work: Work, teachers: Sequence[TeacherModel], split: Split = "training", precision: Precision = "fp32"
) -> np.ndarray:
    """Return the teachers' answers to a split as one, float32 (rows, labels), memory-mapped; see `mean_of_answers`.

    Each teacher's own answers are kept too, so that another mixture of the same teachers asks none of them again.
    """
    import numpy as np

    from compactor.stages._inputs import model_logits

    answers = [model_logits(work, teacher.folder, teacher.content, split, precision) for teacher in teachers]
    if len(answers) == 1:
        return answers[0]
    identity = [[teacher.content, teacher.weight] for teacher in teachers]
    parts = {"teachers": identity, "rows": [_print(work, split)], "problem_type": problem_type(work.task), "version": 3}
    parts |= {"precision": precision}

    def build(folder: Path) -> None:
        _write_mean(answers, [teacher.weight for teacher in teachers], problem_type(work.task), folder / "logits.npy")

    mean: np.ndarray = np.load(work.derive("mean-of-teachers", parts, build) / "logits.npy", mmap_mode="r")
    return mean


def signal_of(
    work: Work,
    teachers: Sequence[TeacherModel],
    losses: Sequence[LossTerm],
    kept: TeacherOutputs | None = None,
    precision: Precision = "fp32",
) -> TeacherSignal | None:
    """Return what losses need of these teachers: their answers, the first one itself too if a loss looks inside, None if none asks.

    With `kept`, only the highest logits of each answer. `precision` is what teachers answer in; what is looked into is fp32.
    """
    from compactor.distillation.objective import TeacherSignal
    from compactor.stages._inputs import load_model
    from compactor.stages._top_answers import top_answers

    answers, inside = asks_for(losses)
    if not answers and not inside:
        return None
    logits: np.ndarray | KeptTop | None = None
    if answers:
        logits = (
            mean_logits(work, teachers, precision=precision)
            if kept is None
            else top_answers(work, teachers, kept, precision=precision)
        )
    return TeacherSignal(logits, load_model(work, teachers[0].folder) if inside else None)


def teacher_signal(work: Work, losses: Sequence[LossTerm], precision: Precision = "fp32") -> TeacherSignal | None:
    """Return what losses need of the chain's teacher."""
    return signal_of(work, chain_teacher(work), losses, precision=precision) if any(asks_for(losses)) else None


def asks_for(losses: Sequence[LossTerm]) -> tuple[bool, bool]:
    """Return whether losses need a teacher's answers, and whether one looks inside the teacher."""
    from compactor.distillation.losses import needs

    wanted = needs(tuple(losses))
    return bool(wanted & {"logits", "teacher_labels"}), bool(wanted - {"logits", "teacher_labels", "labels"})


def _write_mean(answers: Sequence[np.ndarray], weights: Sequence[float], problem_type: str, path: Path) -> None:
    """Write the mean block by block, so that memory does not grow with the rows."""
    import numpy as np
    import torch

    from compactor.base.arrays import new_array
    from compactor.distillation.regimes.averaging import mean_of_answers

    shapes = {answer.shape for answer in answers}
    if len(shapes) > 1:
        told = ", ".join(str(shape) for shape in sorted(shapes))
        raise StageError("L190", f"the teachers answer in different shapes: {told}", "all need the data's labels")
    rows = len(answers[0])
    target = new_array(path, answers[0].shape)
    for start in range(0, rows, 4096):
        block = [torch.from_numpy(np.array(answer[start : start + 4096], dtype=np.float32)) for answer in answers]
        target[start : start + 4096] = mean_of_answers(block, weights, problem_type).numpy()


def _prepared(work: Work, name: str) -> Path:
    """Return a further teacher as a folder of the chain's kind: labels in the data's order, texts cut as the chain's teacher cuts them."""
    from compactor.models import load_checkpoint, save
    from compactor.models.tokenizer import max_length
    from compactor.stages._student import named_folder

    folder, labels = named_folder(work, name), work.data.labels
    longest = [max_length(work.teacher.folder)] if work.teacher is not None else []

    def build(target: Path) -> None:
        loaded = load_checkpoint(folder, work.task, labels=labels)
        for finding in loaded.findings:
            work.reporter.finding(finding)
        save(loaded.model, folder, target, labels=labels, max_length=min([max_length(folder), *longest]))

    parts: dict[str, Any] = {"labels": list(labels), "task": work.task.name, "length": longest, "version": 1}
    return work.derive("further-teacher", {**parts, "content": content_of(folder)}, build)


def _print(work: Work, split: Split) -> str:
    from compactor.stages._inputs import rows_of

    return rows_of(work, split).fingerprint


def problem_type(task: Task) -> str:
    """Return how a task's answers become probabilities, in the words of transformers."""
    kinds = {"classes": "multi_label_classification", "number": "regression", "vector": "regression"}
    return kinds.get(task.label_kind, "single_label_classification")
