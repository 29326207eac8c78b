"""Further targets of a run: one row for each, with its badge. No figure of one is ever divided by a figure of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compactor.report import words
from compactor.report.markup import Markup, element
from compactor.report.rows import REAL_LENGTH, Report
from compactor.report.stage_table import badge

HEAD = ("row", "target", "evidence", "via", "answers as here", "p50 ms", "p90 ms", "of", "load ms", "memory MB")
NOTE = (
    "Each row was taken in another place, so the times of two rows say nothing about each other, and no ratio is formed. "
    "An emulated core proves that the model runs and answers the same; it has no times and no memory."
)


@dataclass(frozen=True)
class FurtherRow:
    """One further target as text, ready to be shown; `evidence` is the badge, None where nothing could be measured."""

    evidence: str | None
    fields: tuple[str, ...]
    reason: str


def further_rows(report: Report) -> list[FurtherRow]:
    """Return the further targets of a report, in its order."""
    return [_row(report, each) for each in report.source.get("also") or () if isinstance(each, Mapping)]


def further_html(report: Report) -> list[Markup]:
    """Return the table and the reasons; nothing without further targets."""
    rows = further_rows(report)
    if not rows:
        return []
    head = element("thead", element("tr", [element("th", name.capitalize(), scope="col") for name in HEAD]))
    body = []
    for row in rows:
        first, target, _, *rest = row.fields
        cells = [element("td", target), element("td", badge(row.evidence)), [element("td", field) for field in rest]]
        body.append(element("tr", element("th", first, scope="row"), cells))
    table = element("table", head, element("tbody", body), class_="latency")
    reasons = [element("li", f"{row.fields[1]} via {row.fields[3]}: {row.reason}") for row in rows if row.reason]
    return [
        element("p", NOTE, class_="aside"),
        element("div", table, class_="scroll", tabindex="0", role="region", aria_label="Further targets"),
        element("ul", reasons) if reasons else element("p"),
    ]


def further_lines(report: Report) -> list[str]:
    """Return one sentence a further target, for terminals."""
    told = []
    for row in further_rows(report):
        name, target, evidence, via, answers, p50, _, cell, *_ = row.fields
        time = f", p50 {p50} ms ({cell})" if cell else ""
        told.append(f"{name} on {target} via {via}: {evidence}{time}{f', {answers}' if answers else ''}")
    return told


def _row(report: Report, value: Mapping[str, Any]) -> FurtherRow:
    cell = _main_cell(value.get("latency_ms") or ())
    evidence = value.get("evidence")
    memory = value.get("peak_memory_bytes")
    return FurtherRow(
        evidence,
        (
            str(value.get("row") or ""),
            str(value.get("target") or ""),
            str(evidence or words.NOT_MEASURED),
            str(value.get("via") or ""),
            _answers(value.get("answers")),
            _figure(cell.get("p50")),
            _figure(cell.get("p90")),
            f"batch {cell['batch']}, {words.length_title(report, cell['length'])}" if cell else "",
            _figure(value.get("load_ms")),
            _figure(memory / 1e6 if memory else None),
        ),
        str(value.get("reason") or ""),
    )


def _main_cell(cells: Any) -> Mapping[str, Any]:
    """Return the cell of real lengths, else the first of batch 1; empty when nothing was timed."""
    ordered = sorted(cells, key=lambda cell: (cell["length"] != REAL_LENGTH, cell["batch"]))
    return ordered[0] if ordered else {}


def _answers(answers: Mapping[str, Any] | None) -> str:
    """Say whether the answers are the same, by what was judged."""
    if not answers:
        return ""
    word = "same answers" if answers["passed"] else "OTHER ANSWERS"
    figures = [f"{answers['compared']} inputs", f"cosine {answers['smallest_cosine']:.4f}"]
    if answers.get("same_label") is not None:
        figures.append(f"label {words.percent(answers['same_label'])}")
    if metric := answers.get("metric"):
        figures.append(
            f"{words.metric_title(metric['name'])} {words.percent(metric['there'])}, here {words.percent(metric['here'])}"
        )
    return f"{word} ({', '.join(figures)})"


def _figure(value: float | None) -> str:
    return words.NOT_MEASURED if value is None else words.significant(value)
