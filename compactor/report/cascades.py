"""Cascades and early exits: which share each level answers, and the time of the mix beside that of the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compactor.report import words
from compactor.report.markup import Markup
from compactor.report.noted_table import noted_table
from compactor.report.rows import Report

HEAD = (
    "row", "answered before the last level", "of validation", "by each level", "from a probability of", "mean ms", "p99 ms",
    "mean ms of the whole", "p99 ms of the whole", "faster in the mean",
)  # fmt: skip
NOTE = (
    "Times are of many validation texts in their own mix, one by one, the cascade and the whole in turns; the whole is the larger model "
    "alone, or all layers. A median says little here: where most texts are answered early it is that of the early ones."
)


def cascade_rows(report: Report) -> Iterator[tuple[str, ...]]:
    """Yield one row of text a cascade; the bundle's, which repeats it, is left out."""
    for row, found in zip(report.rows, report.source["rows"], strict=True):
        told = found.get("cascade")
        if row.stage == "cascade" and isinstance(told, Mapping):
            yield _fields(words.row_title(row), told, (found.get("facts") or {}).get("cascade") or {})


def cascade_html(report: Report) -> list[Markup]:
    """Return the table with its note; nothing without a cascade."""
    return noted_table(NOTE, HEAD, list(cascade_rows(report)), "Cascades")


def _fields(name: str, told: Mapping[str, Any], facts: Mapping[str, Any]) -> tuple[str, ...]:
    test, validation = told.get("test") or {}, told.get("validation") or {}
    mix = told.get("mix") or {}
    mine, whole = mix.get("cascade") or {}, mix.get("whole") or {}
    faster = whole["mean_ms"] / mine["mean_ms"] if mine and whole else None
    shares = (test or validation).get("shares") or ()
    return (
        name,
        _share((test or validation).get("coverage")),
        _share(validation.get("coverage")),
        ", ".join(words.percent(share) for share in shares),
        _confidence(facts.get("confidence")),
        _mean(mine),
        _figure(mine.get("p99")),
        _mean(whole),
        _figure(whole.get("p99")),
        words.times(faster),
    )


def _mean(found: Mapping[str, Any]) -> str:
    if not found:
        return words.NOT_MEASURED
    low, high = found["ci95_mean"]
    return f"{words.significant(found['mean_ms'])} [{words.significant(low)}, {words.significant(high)}]"


def _share(value: float | None) -> str:
    return words.NOT_MEASURED if value is None else words.percent(value)


def _confidence(value: float | None) -> str:
    return words.NOT_MEASURED if value is None else words.probability(value)


def _figure(value: float | None) -> str:
    return words.NOT_MEASURED if value is None else words.significant(value)
