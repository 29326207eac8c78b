"""Whether what losses read inside a teacher is kept on disk while a student learns, and keeping it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.stages._inputs import encoded

if TYPE_CHECKING:
    from compactor.distillation.inside import TeacherInside
    from compactor.distillation.losses import LossTerm, Shape
    from compactor.distillation.trainer import TrainSettings
    from compactor.stages._contract import Work

FOLDER = "inside"
GIGABYTES = 2.0
GIGABYTE = 10**9


def keep_inside(
    work: Work,
    teacher: Any,
    students: Sequence[Any],
    losses: tuple[LossTerm, ...],
    settings: TrainSettings,
    tokenizer: Path,
    place: Path,
    *,
    most: float = GIGABYTES,
) -> TeacherInside | None:
    """Return what the losses read inside a teacher for all rows of `training`; None where it must run at every step, or better does.

    It must where every step sees other pieces (`piece_dropout`), where rows are not texts with one answer, and where the files would be
    larger than is allowed or than half of what is free. It better does for a single epoch. Nothing is kept either for losses that cannot
    apply to these models: the objective says why, before any work.

    Args:
        work: gives rows, threads and the reporter.
        teacher: the model, which reads the students' pieces.
        students: the models that learn from it.
        losses: what is made small.
        settings: of the training.
        tokenizer: folder whose tokenizer files encode the rows.
        place: a folder of this training's own, dropped when the stage is done; what a killed run had kept there is used.
        most: gigabytes.
    """
    from compactor.data import Encoded
    from compactor.distillation.inside import InsideParts, TeacherInside, write_inside
    from compactor.distillation.recording import shape_of

    rows, shape = encoded(work, tokenizer, "training"), shape_of(teacher)
    if not isinstance(rows, Encoded) or rows.answers != len(rows) or settings.piece_dropout or settings.epochs <= 1:
        return None
    shapes = [shape_of(student) for student in students]
    if not _fits(losses, shapes, shape):
        return None
    parts = InsideParts.of(losses, shapes, shape)
    size = 4 * int(np.sum(rows.lengths)) * sum(parts.widths(shape).values())
    folder = place / FOLDER
    if not folder.is_dir():
        place.mkdir(parents=True, exist_ok=True)
        if size > min(most * GIGABYTE, shutil.disk_usage(place).free / 2):
            work.reporter.say(f"the teacher runs at every step: what is read inside it would take {size / GIGABYTE:.1f} GB")
            return None
        write_inside(teacher, rows, folder, parts, shape, threads=work.threads, reporter=work.reporter)
    return TeacherInside(folder, parts, shape, rows)


def _fits(losses: tuple[LossTerm, ...], students: Sequence[Shape], teacher: Shape) -> bool:
    """Whether every loss can apply to these models; attention is not recorded of models without known heads."""
    if any(term.loss.wants() & {"relations"} for term in losses) and not all(shape.heads for shape in (*students, teacher)):
        return False
    return not any(list(term.loss.unfit(student, teacher)) for term in losses for student in students)
