"""The kept answers of a teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.base.reporter import Reporter
from tests.distillation import tiny

pytestmark = pytest.mark.model


def test_they_are_the_teachers_one_by_one_and_refused_for_anything_else(rows: Any, tmp_path: Path) -> None:
    import torch

    from compactor.distillation.teacher_outputs import teacher_logits, write_teacher_logits
    from compactor.models.feeding import feed

    teacher, identity = tiny.model(3), {"teacher": "a", "rows": "b"}
    write_teacher_logits(teacher, rows, tmp_path, identity, threads=1, reporter=Reporter())
    kept = teacher_logits(tmp_path, identity, len(rows))
    assert kept.dtype == np.float32
    assert isinstance(kept, np.memmap)
    with torch.no_grad():
        for number in (0, 17, 59):
            alone = teacher(**feed(teacher, rows.batch(np.array([number])))).logits[0].numpy()
            assert np.allclose(kept[number], alone, atol=1e-5)
    with pytest.raises(StageError, match="another teacher"):
        teacher_logits(tmp_path, {**identity, "teacher": "c"}, len(rows))
    with pytest.raises(StageError, match="60 rows, not 61"):
        teacher_logits(tmp_path, identity, 61)


def test_a_teacher_that_answers_nan_is_refused_with_the_row(rows: Any, tmp_path: Path) -> None:
    import torch

    from compactor.distillation.teacher_outputs import write_teacher_logits

    teacher = tiny.model(3)
    with torch.no_grad():
        teacher.bert.embeddings.word_embeddings.weight[10] = float("nan")
    with pytest.raises(StageError, match=r"answer to row \d+ is not a number"):
        write_teacher_logits(teacher, rows, tmp_path, {}, threads=1, reporter=Reporter())
