"""Guess which columns of a file hold the text and the label, from their names and from the first rows. Standard library only."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROWS = 200
LARGEST_JSON_BYTES = 64 << 20
TEXT_NAMES = (
    "text",
    "sentence",
    "content",
    "utterance",
    "question",
    "query",
    "review",
    "comment",
    "message",
    "tweet",
    "body",
    "title",
)
LABEL_NAMES = ("label", "category", "intent", "class", "target", "sentiment", "topic", "tag", "labels", "emotion", "language")
PAIRS = (
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("text1", "text2"),
    ("text_a", "text_b"),
)


@dataclass(frozen=True)
class Guess:
    """Names of columns; `sure` is False when the names alone did not tell and the rows were looked at.

    `separator` is what most likely parts several labels in a cell, or None where nothing does.
    """

    text: str
    label: str
    text_pair: str | None = None
    sure: bool = True
    separator: str | None = None


def guess_columns(path: Path) -> Guess | None:
    """Return the likely columns of a csv, tsv, json or jsonl file; None for another format or one that cannot be read."""
    try:
        rows = _first_rows(path)
    except (OSError, ValueError, csv.Error):
        return None
    if not rows or not rows[0]:
        return None
    guess = _guess(rows, list(rows[0]))
    return replace(guess, separator=_separator(rows, guess.label))


def _guess(rows: list[dict[str, Any]], columns: list[str]) -> Guess:
    folded = {name.strip().lower().replace(" ", "_"): name for name in columns}
    label = next((folded[name] for name in LABEL_NAMES if name in folded), None)
    for first, second in PAIRS:
        if first in folded and second in folded:
            return Guess(
                folded[first],
                label or _fewest(rows, columns, {folded[first], folded[second]}),
                folded[second],
                label is not None,
            )
    text = next((folded[name] for name in TEXT_NAMES if name in folded), None)
    sure = text is not None and label is not None
    text = text or max((name for name in columns if name != label), key=lambda name: _length(rows, name), default=columns[0])
    return Guess(text, label or _fewest(rows, columns, {text}), None, sure)


def _first_rows(path: Path) -> list[dict[str, Any]]:
    """Read the first rows; what is not a format of the standard library gives none, and cells beyond the header are left out."""
    suffix = path.suffix.lower()
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        if suffix in {".csv", ".tsv"}:
            cells = (row for row in csv.reader(stream, delimiter="," if suffix == ".csv" else "\t") if row)
            header = next(cells, [])
            padding = [None] * len(header)
            return [dict(zip(header, [*row, *padding], strict=False)) for row in itertools.islice(cells, ROWS)]
        if suffix in {".jsonl", ".ndjson"}:
            return _objects(json.loads(line) for line in itertools.islice(stream, ROWS) if line.strip())
        if suffix == ".json" and path.stat().st_size <= LARGEST_JSON_BYTES:
            data = json.load(stream)
            return _objects(data[:ROWS]) if isinstance(data, list) else []
    return []


def _objects(values: Iterable[Any]) -> list[dict[str, Any]]:
    """Return the rows that have named columns; none where the first one has not."""
    rows = list(values)
    return [row for row in rows if isinstance(row, dict)] if rows and isinstance(rows[0], dict) else []


def _length(rows: list[dict[str, Any]], name: str) -> float:
    """Return the mean number of characters of a column."""
    return sum(len(str(row.get(name) or "")) for row in rows) / len(rows)


def _fewest(rows: list[dict[str, Any]], columns: list[str], taken: set[str]) -> str:
    """Return the column, not yet taken, with the fewest different values, more than one where there is such a column."""
    free = [name for name in columns if name not in taken] or columns
    counts = {name: len({str(row.get(name)) for row in rows}) for name in free}
    return min(free, key=lambda name: (counts[name] < 2, counts[name]))


def _separator(rows: list[dict[str, Any]], label: str) -> str | None:
    """Return what parts several labels in a cell: the mark that most label cells have."""
    cells = [row[label] for row in rows if isinstance(row.get(label), str)]
    counts = {mark: sum(mark in cell for cell in cells) for mark in ("|", ";", ",")}
    most = max(counts, key=lambda mark: counts[mark])
    return most if counts[most] else None
