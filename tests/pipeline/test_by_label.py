"""Right answers are counted label by label, for both models."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.pipeline.by_label import by_label
from compactor.pipeline.record import Row


def row(name: str, answers: list[int]) -> Row:
    return Row(name, name, None, {}, answers=np.eye(3, dtype=np.float32)[answers])


LABELS = np.array([0, 0, 0, 0, 1, 1, -1])
TEACHER, SMALL = row("teacher", [0, 0, 0, 1, 1, 0, 0]), row("package", [1, 1, 0, 1, 1, 1, 0])


def test_lost_and_gained_rows_are_counted_for_each_label_that_occurs() -> None:
    first, second = by_label(TEACHER, SMALL, LABELS, ("a", "b", "never"), "class")
    assert first == {"label": "a", "rows": 4, "teacher": 3, "packaged": 1, "lost": 2, "gained": 0, "p": pytest.approx(0.5)}
    assert second == {"label": "b", "rows": 2, "teacher": 1, "packaged": 2, "lost": 0, "gained": 1, "p": 1.0}


def test_tasks_with_other_answers_have_no_such_table() -> None:
    assert by_label(TEACHER, SMALL, LABELS, ("a", "b", "never"), "tags") == []
    assert by_label(TEACHER, Row("package", "package", None, {}), LABELS, ("a", "b", "never"), "class") == []
