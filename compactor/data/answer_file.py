"""A file of texts and answers to them: one answered label a row, or one column of probabilities for each label."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compactor.base.errors import DataError
from compactor.data.columns import Columns, as_text
from compactor.data.read import read_source
from compactor.data.source import find_source


@dataclass(frozen=True)
class Answered:
    """What a file of answers holds.

    Attributes:
        texts, pairs: as written; `pairs` is None for single sentences.
        answers: label names, empty where there is none; or probabilities, float64 (rows, labels).
    """

    texts: list[str]
    pairs: list[str] | None
    answers: list[str] | np.ndarray


@dataclass(frozen=True)
class _AnswerColumns(Columns):
    """The text columns and those of the answers."""

    answers: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys([*super().names, *self.answers]))

    def check(self, found: list[str], place: str) -> None:
        super().check(found, place)
        absent = [name for name in self.answers if found.count(name) != 1]
        if absent:
            hint = "probabilities need one column for each label, named as it; or set answers.form: labels"
            raise DataError("D102", f"{place} has no column {absent[0]!r}", hint)


def read_answer_file(
    name: str, near: tuple[Path, ...], *, text: str, text_pair: str | None, answers: tuple[str, ...], numbers: bool, cache: Path
) -> Answered:
    """Read the whole file: its answers are as many as the texts that a student is trained on.

    Args:
        name: of the file.
        near: folders to look in, first match wins.
        text: column of the texts.
        text_pair: column of the second sentences, for pairs.
        answers: the column of labels; or the columns of probabilities, in the order of the labels.
        numbers: they are probabilities.
        cache: for what a dataset library writes.

    Raises:
        DataError: the file is not there or malformed, a column is missing, a probability is no number.
    """
    columns = _AnswerColumns(text, text_pair, None, answers=answers)
    texts: list[str] = []
    pairs: list[str] = []
    cells: list[list[str]] = [[] for _ in answers]
    for batch in read_source(find_source(name, "answers", near), columns, cache=cache, online=False).batches:
        row = len(texts) + 1
        texts += as_text(batch.column(text), text, name, row).to_pylist()
        if text_pair is not None:
            pairs += as_text(batch.column(text_pair), text_pair, name, row).to_pylist()
        for column, kept in zip(answers, cells, strict=True):
            kept += as_text(batch.column(column), column, name, row).to_pylist()
    if not texts:
        raise DataError("D105", f"{name} has no rows", "a first line with the column names, then one row a line")
    given = _numbers(cells, answers, name) if numbers else cells[0]
    return Answered(texts, pairs if text_pair is not None else None, given)


def _numbers(cells: list[list[str]], columns: tuple[str, ...], name: str) -> np.ndarray:
    """Return float64 (rows, columns); NaN where a cell is empty."""
    values = np.full((len(cells[0]), len(columns)), np.nan)
    for place, (column, given) in enumerate(zip(columns, cells, strict=True)):
        for row, cell in enumerate(given):
            try:
                values[row, place] = float(cell) if cell.strip() else np.nan
            except ValueError as error:
                sentence = f"{name}, row {row + 1}: {cell[:40]!r} in column {column!r} is no number"
                raise DataError("D106", sentence, "a probability is a number from 0 to 1") from error
    return values
