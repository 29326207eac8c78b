"""report.md: the tables for a README, the controls and the findings."""

from __future__ import annotations

import html
from collections.abc import Iterable

from compactor.report import cascades, forgotten, tries, words
from compactor.report.controls import control_sentences
from compactor.report.figures import cell_of, estimated_cell, main_cell, quality_gain, times_faster, times_smaller
from compactor.report.findings import all_findings
from compactor.report.further_targets import HEAD, NOTE, further_rows
from compactor.report.part_tables import threads_sentence
from compactor.report.reproduce import reproduce_lines
from compactor.report.rows import Cell, Report, Row
from compactor.report.verdict import verdict


def markdown(report: Report) -> str:
    """Return the whole report as Markdown."""
    parts = [
        f"# {_text(report.name)}",
        f"**{_text(verdict(report))}**",
        _caption(report),
        stage_table(report),
        _further_table("What was tried", tries.NOTE, tries.HEAD, tries.tried_rows(report)),
        _further_table("Cascades", cascades.NOTE, cascades.HEAD, cascades.cascade_rows(report)),
        _further_table(
            "What was forgotten", forgotten.forgotten_note(report), forgotten.HEAD, forgotten.forgotten_rows(report)
        ),
        _further(report),
        _controls(report),
        _findings(report),
        _reproduce(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def stage_table(report: Report) -> str:
    """Return the trade-off as one table; controls have their names in italics."""
    metric = words.metric_title(report.teacher.quality.metric) if report.teacher.quality else "quality"
    head = [
        "stage",
        metric,
        "95 % interval",
        "points to teacher",
        "MB",
        "smaller",
        "p50 ms",
        "95 % interval",
        "faster",
        "CPU ms",
        "evidence",
    ]
    lines = [_line(head), _line(["---"] + ["---:"] * (len(head) - 2) + ["---"])]
    lines += [_line([_text(field) for field in _fields(report, row)]) for row in report.rows]
    lines += [
        _line([f"*{_text(name)}*", *(_text(field) for field in rest)])
        for name, *rest in (_fields(report, row) for row in report.controls)
    ]
    return "\n".join(lines)


def _further_table(title: str, note: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table with a title and a note; nothing without rows."""
    told = [_line([_text(field) for field in fields]) for fields in rows]
    lines = [_line(list(head)), _line(["---"] * len(head)), *told]
    return "\n\n".join([f"## {title}", _text(note), "\n".join(lines)]) if told else ""


def _further(report: Report) -> str:
    """Return the further targets as a table of its own; nothing without any."""
    rows = further_rows(report)
    if not rows:
        return ""
    lines = [_line(list(HEAD)), _line(["---"] * len(HEAD)), *(_line([_text(field) for field in row.fields]) for row in rows)]
    reasons = [f"- {_text(row.fields[1])} via {_text(row.fields[3])}: {_text(row.reason)}" for row in rows if row.reason]
    return "\n\n".join(["## Further targets", _text(NOTE), "\n".join(lines), *(["\n".join(reasons)] if reasons else [])])


def _fields(report: Report, row: Row) -> list[str]:
    key, teacher, score = main_cell(report), report.teacher, row.quality
    cell = cell_of(row, key)
    gain, faster = quality_gain(row, teacher), times_faster(row, teacher, key)
    known = row is not teacher
    return [
        words.row_title(row),
        words.score_text(score),
        words.interval(score.ci95, 100) if score else "",
        (words.points(gain.value) if gain else words.NOT_MEASURED) if known else "",
        words.significant(row.size_bytes / 1e6) if row.size_bytes is not None else words.NOT_MEASURED,
        words.times(times_smaller(row, teacher)) if known else "",
        _median(row, cell),
        words.span(cell.ci95_p50 if cell else None),
        words.times(faster.value if faster else None) if known else "",
        words.significant(cell.cpu_ms) if cell and cell.cpu_ms is not None else words.NOT_MEASURED,
        ", ".join(filter(None, (row.evidence or "not timed", words.noise_mark(row.noise)))),
    ]


def _median(row: Row, cell: Cell | None) -> str:
    guess = estimated_cell(row) if cell is None else None
    if guess is not None:
        return f"{words.estimated(guess)} (estimated)"
    return words.significant(cell.p50) if cell and cell.p50 is not None else words.NOT_MEASURED


def _caption(report: Report) -> str:
    key, score, machine = main_cell(report), report.teacher.quality, dict(reproduce_lines(report)).get("processor", "")
    told = (
        [f"{words.metric_title(score.metric)} on the {score.split} split{f' ({score.n:,} rows)' if score.n else ''}"]
        if score
        else []
    )
    if key:
        told.append(f"median latency of {words.cell_title(report, key)}, {threads_sentence(report)}, on {machine}")
    if report.target.get("name"):
        told.append(f"target {report.target['name']}")
    return _text(f"{'; '.join(told)}.") if told else ""


def _controls(report: Report) -> str:
    told = [f"- {_text(words.row_title(row))}: {_text(sentence)}" for row, sentence in control_sentences(report)]
    return "\n".join(["## Controls", "", *told]) if told else ""


def _findings(report: Report) -> str:
    lines = []
    for told in all_findings(report):
        at = f"(at {_text(words.listed(told.seen_at))}) " if told.seen_at else ""
        lines.append(f"- **{_text(told.severity)} {_text(told.code)}** {at}{_text(told.sentence)}. {_text(told.hint)}.")
    return "\n".join(["## Findings", "", *lines]) if lines else ""


def _reproduce(report: Report) -> str:
    lines = [_line(["what", "value"]), _line(["---", "---"])]
    lines += [_line([_text(name), _text(text)]) for name, text in reproduce_lines(report)]
    return "\n".join(["## Reproduce", "", *lines])


def _line(fields: list[str]) -> str:
    return f"| {' | '.join(fields)} |"


def _text(text: str) -> str:
    """Escape what Markdown or HTML in it would take for markup; one line, ASCII signs."""
    one_line = " ".join(words.plain(text).split())
    escaped = html.escape(one_line, quote=False)
    for sign in "\\|*_`":
        escaped = escaped.replace(sign, f"\\{sign}")
    return escaped
