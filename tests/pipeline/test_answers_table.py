"""answers.csv says what each row answered, in words, and is read back as it was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from compactor.pipeline.answers_table import NAME, read_answers, write_answers
from compactor.pipeline.record import Row

LABELS = np.array([1, 0, -100])
LOGITS = np.array([[0.1, 2.0], [3.0, 0.5], [0.0, 1.0]], dtype=np.float32)


def row(name: str, answers: np.ndarray | None) -> Row:
    return Row(name, name, None, {}, answers=answers)


def test_labels_stand_by_their_names_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    rows = [row("teacher", LOGITS), row("quantize", -LOGITS), row("never answered", None)]
    write_answers(tmp_path, rows, LABELS, ("lost, or stolen", "refund"), "class")
    assert (tmp_path / NAME).read_text().splitlines()[1] == '0,refund,refund,"lost, or stolen"'
    assert read_answers(tmp_path) == {
        "text": ["0", "1", "2"],
        "label": ["refund", "lost, or stolen", ""],
        "teacher": ["refund", "lost, or stolen", "refund"],
        "quantize": ["lost, or stolen", "refund", "lost, or stolen"],
    }


def test_names_are_no_formulas(tmp_path: Path) -> None:
    write_answers(tmp_path, [row("teacher", LOGITS)], LABELS, ("=1+1", "refund"), "class")
    assert read_answers(tmp_path)["teacher"] == ["refund", "'=1+1", "refund"]


def test_numbers_keep_every_digit(tmp_path: Path) -> None:
    values = np.array([[0.1], [2.5]], dtype=np.float32)
    write_answers(tmp_path, [row("teacher", values)], values[::-1], (), "number")
    assert np.array(read_answers(tmp_path)["teacher"], dtype=np.float32).tolist() == values[:, 0].tolist()


def test_no_table_where_a_text_has_more_than_one_answer(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("from a run before\n")
    write_answers(tmp_path, [row("teacher", LOGITS)], LABELS, ("O", "B-PER"), "tags")
    assert read_answers(tmp_path) == {}
