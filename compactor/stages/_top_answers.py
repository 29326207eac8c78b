"""A teacher's highest logits on a split, kept as a by-product; the rest of each row is one number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.errors import StageError

if TYPE_CHECKING:
    from compactor.distillation.keeping import TeacherOutputs
    from compactor.distillation.precision import Precision
    from compactor.distillation.teacher_outputs import KeptTop
    from compactor.stages._contract import Work
    from compactor.stages._inputs import Split
    from compactor.stages._teachers import TeacherModel


def top_answers(
    work: Work,
    teachers: Sequence[TeacherModel],
    kept: TeacherOutputs,
    split: Split = "training",
    precision: Precision = "fp32",
) -> KeptTop:
    """Return the highest logits of the one teacher, memory-mapped; computed once for its bytes, these rows and these settings.

    Raises:
        StageError: L191 there are several teachers: the mean of their probabilities needs all logits of each.
    """
    from compactor.distillation.teacher_outputs import top_teacher_logits, write_teacher_logits
    from compactor.models.tokenizer import max_length
    from compactor.stages._inputs import encoded_rows, rows_of
    from compactor.stages._small_teacher import load_teacher

    if len(teachers) > 1:
        raise StageError(
            "L191", f"teacher_outputs keeps the highest logits of one teacher, and there are {len(teachers)}", "leave it out"
        )
    teacher, rows = teachers[0], rows_of(work, split)
    identity = {"teacher": teacher.content, "rows": rows.fingerprint, "max_length": max_length(teacher.folder)}
    identity |= {"top_k": kept.top_k, "temperature": kept.temperature, "precision": precision, "version": 3}

    def build(target: Path) -> None:
        work.reporter.say(f"the teacher answers {len(rows)} {split} rows; {kept.top_k} logits of each are kept")
        arrays, model = encoded_rows(work, teacher.folder, rows), load_teacher(work, teacher.folder)
        how: Any = {"threads": work.threads, "reporter": work.reporter, "precision": precision}
        write_teacher_logits(model, arrays, target, identity, kept=kept, **how)

    return top_teacher_logits(work.derive("teacher-top-outputs", identity, build), identity, rows.answers)
