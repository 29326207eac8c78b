"""Rows that the teacher did not answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compactor.base.reporter import Reporter
from compactor.distillation.keeping import TeacherOutputs
from compactor.distillation.losses import parse_losses
from tests.distillation import tiny

pytestmark = pytest.mark.model


class CutOff:
    """Rows of which two answers are never given, as of words behind the place where a text was cut."""

    def __init__(self, rows: Any) -> None:
        self.rows, self.answers = rows, len(rows) + 2

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rows, name)

    def __len__(self) -> int:
        return len(self.rows)


@pytest.mark.parametrize("kept", [None, TeacherOutputs(top_k=2, temperature=2.0)])
def test_they_are_written_as_such_and_teach_nothing(kept: TeacherOutputs | None, rows: Any, tmp_path: Path) -> None:
    import torch

    from compactor.distillation.objective import Objective, TeacherSignal
    from compactor.distillation.teacher_outputs import teacher_logits, top_teacher_logits, write_teacher_logits
    from compactor.models.feeding import feed

    cut, student = CutOff(rows), tiny.model(1)
    write_teacher_logits(tiny.model(2), cut, tmp_path, {}, threads=1, reporter=Reporter(), kept=kept)
    answers: Any = (teacher_logits if kept is None else top_teacher_logits)(tmp_path, {}, cut.answers)
    written = answers if kept is None else answers.values
    assert np.isnan(written[-2:]).all()
    assert np.isfinite(written[:-2]).all()

    batch = rows.batch(np.arange(2))
    losses = parse_losses([{"hinton": {"temperature": 2.0}}])
    objective = Objective(losses, TeacherSignal(answers), student)
    parts = {}
    for name, places in {"answered": [0, 1], "half": [0, len(rows)], "none": [len(rows), len(rows) + 1]}.items():
        student.zero_grad()
        total, _ = objective(student, feed(student, batch), torch.tensor([0, 1]), np.array(places), 0.0)
        total.backward()
        parts[name] = total.item(), float(student.classifier.weight.grad.abs().max())
    assert parts["none"] == pytest.approx((0.0, 0.0), abs=1e-6)
    first, _ = objective(student, feed(student, rows.batch(np.arange(1))), torch.tensor([0]), np.array([0]), 0.0)
    assert parts["half"][0] == pytest.approx(first.item() / 2, rel=1e-4), "it counts as a row that agrees"
