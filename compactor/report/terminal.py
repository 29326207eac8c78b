"""What `compactor run` prints when it is done: the verdict, one line a stage, the controls in words. Plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from compactor.report import words
from compactor.report.controls import control_sentences
from compactor.report.figures import cell_of, estimated_cell, main_cell, quality_gain, times_faster, times_smaller
from compactor.report.further_targets import further_lines
from compactor.report.reading import parse_report
from compactor.report.rows import Report, Row
from compactor.report.verdict import verdict


def render(report: Mapping[str, Any] | Report, width: int = 100) -> str:
    """Return the end of a run as text, no line longer than `width` columns where a table allows it."""
    record = report if isinstance(report, Report) else parse_report(report)
    blocks = [
        textwrap.fill(f"{verdict(record)}.", width),
        _table(record),
        _further(record, width),
        _controls(record, width),
        _evidence(record, width),
    ]
    return words.plain("\n\n".join(block for block in blocks if block))


def _table(report: Report) -> str:
    quality = words.metric_title(report.teacher.quality.metric) if report.teacher.quality else "quality"
    lines = [["", quality, "points", "size", "smaller", "p50", "faster", ""]]
    lines += [_fields(report, row) for row in report.every]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    told = []
    for line in lines:
        first = line[0].ljust(widths[0])
        rest = [field.rjust(size) for field, size in zip(line[1:-1], widths[1:-1], strict=True)]
        told.append("  ".join([first, *rest, line[-1]]).rstrip())
    return "\n".join(told)


def _fields(report: Report, row: Row) -> list[str]:
    key, teacher = main_cell(report), report.teacher
    cell, gain = cell_of(row, key), quality_gain(row, teacher)
    smaller, faster = times_smaller(row, teacher), times_faster(row, teacher, key)
    own = row is teacher
    guess = estimated_cell(row) if cell is None else None
    return [
        f"({words.row_title(row)})" if row.control else row.id,
        words.score_text(row.quality) if row.quality else "-",
        words.points(gain.value) if gain else "" if own else "-",
        words.megabytes(row.size_bytes) if row.size_bytes is not None else "-",
        "" if own else words.times(smaller) if smaller else "-",
        words.milliseconds(cell.p50) if cell else f"{words.estimated(guess)} ms*" if guess else "-",
        "" if own else words.times(faster.value) if faster else "-",
        words.noise_mark(row.noise),
    ]


def _controls(report: Report, width: int) -> str:
    told = [
        textwrap.fill(sentence, width, initial_indent="- ", subsequent_indent="  ") for _, sentence in control_sentences(report)
    ]
    return "\n".join(told)


def _further(report: Report, width: int) -> str:
    return "\n".join(textwrap.fill(line, width, initial_indent="- ", subsequent_indent="  ") for line in further_lines(report))


def _evidence(report: Report, width: int) -> str:
    """Say what the times are worth, and what a dash means if there is one."""
    key, evidence = main_cell(report), report.chosen.evidence
    told = []
    if key and evidence:
        told.append(
            f"times: median of {words.cell_title(report, key)}, {evidence} ({words.EVIDENCE_MEANINGS.get(evidence, evidence)})"
        )
    if any("-" in _fields(report, row)[1:7] for row in report.every):
        told.append("-: not measured")
    if any("*" in _fields(report, row)[5] for row in report.every):
        told.append("*: estimated, not measured")
    return textwrap.fill("; ".join(told), width)
