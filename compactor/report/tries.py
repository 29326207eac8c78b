"""What a stage tried before it chose: rungs of a ladder of students, settings of quantize. One row for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compactor.report import words
from compactor.report.markup import Markup
from compactor.report.noted_table import noted_table
from compactor.report.rows import Report, Row

HEAD = ("stage", "tried", "precision", "on validation", "points to the reference", "MB", "made in", "verdict")
NOTE = (
    "Figures are of the validation rows, on which the choice was made. The reference of a student is the teacher, that of a "
    "quantized model the float one. Megabytes of a student are what the app would ship, those of a quantized model its graph."
)


def tried_rows(report: Report) -> Iterator[tuple[str, ...]]:
    """Yield what was tried as text, in order; nothing where every stage did as it was set."""
    for row, found in zip(report.rows, report.source["rows"], strict=True):
        facts = found.get("facts") or {}
        told = facts.get(row.stage)
        for each in (told.get("tries") or ()) if isinstance(told, Mapping) else ():
            yield _fields(row, each)


def tried_html(report: Report) -> list[Markup]:
    """Return the table with its note; nothing where nothing was tried."""
    return noted_table(NOTE, HEAD, list(tried_rows(report)), "What was tried")


def _fields(row: Row, each: Mapping[str, Any]) -> tuple[str, ...]:
    value, drop, size, seconds = (each.get(name) for name in ("value", "drop", "size_bytes", "seconds"))
    return (
        words.row_title(row),
        str(each.get("name") or ""),
        str(each.get("precision") or each.get("method") or ""),
        words.NOT_MEASURED if value is None else words.percent(value),
        words.NOT_MEASURED if drop is None else words.points(-drop),
        words.NOT_MEASURED if size is None else words.significant(size / 1e6),
        words.duration(seconds),
        _verdict(each),
    )


def _verdict(each: Mapping[str, Any]) -> str:
    missed = " and ".join(each.get("missed") or ())
    met = "within the limits" if each.get("met") else f"misses {missed or 'max_drop'}"
    return f"taken, {met}" if each.get("taken") else met
