"""The table of all rows with all figures; sortable, and complete without JavaScript."""

from __future__ import annotations

from dataclasses import dataclass

from compactor.report import words
from compactor.report.controls import distilled
from compactor.report.figures import Estimate, cell_of, estimated_cell, main_cell, quality_gain, times_faster, times_smaller
from compactor.report.markup import Child, Markup, element
from compactor.report.rows import Cell, Report, Row
from compactor.report.verdict import missed_note

WORTH = (
    ("quality", "{metric}", "%"),
    ("teacher", "To the teacher", "points"),
    ("labels", "To labels only", "points"),
    ("agreement", "Agreement", "% with the teacher"),
    ("size", "Size", "MB shipped"),
    ("zlib", "Compressed", "MB, model by zlib"),
    ("parameters", "Parameters", ""),
    ("p50", "Latency, p50", "ms"),
    ("faster", "Speed", "times the teacher's"),
    ("seconds", "Made in", ""),
)
RUNNING = (
    ("p50", "p50", "ms"),
    ("p90", "p90", "ms"),
    ("p99", "p99", "ms"),
    ("cpu", "CPU time", "ms an answer"),
    ("text", "From text, p50", "ms, tokenized too"),
    ("throughput", "Throughput", "answers a second"),
    ("best", "At most", "answers a second, any batch and workers"),
    ("load", "Load", "ms"),
    ("first", "First answer", "ms"),
    ("memory", "Peak memory", "MB"),
    ("mixed", "Mixed lengths", "MB after 200 of them"),
    ("energy", "Energy", "mJ an answer"),
    ("cost", "Cost", "a million answers"),
)
NOT_APPLICABLE = "\u2013"


@dataclass(frozen=True)
class Value:
    """One cell: what is shown, a smaller second line, and the number to sort by (None sorts last)."""

    text: str
    below: str = ""
    sort: float | None = None
    note: str = ""


def stage_tables(report: Report) -> list[Markup]:
    """Return two tables of the same rows: what each is worth, and, where anything was timed, how it runs."""
    worth = _table(report, "What each row is worth", _worth(report))
    timed = any(row.cells or row.load_ms is not None for row in report.every)
    return [worth, _table(report, "How each row runs", _running(report))] if timed else [worth]


def _worth(report: Report) -> tuple[tuple[str, str, str], ...]:
    """Return the columns of the first table; compressed sizes are taken only where a stage makes zeros."""
    return tuple(column for column in WORTH if column[0] != "zlib" or any(row.zlib_bytes for row in report.every))


def _running(report: Report) -> tuple[tuple[str, str, str], ...]:
    """Return the columns of the second table; a price is a target's own choice, so without one there is nothing to miss."""
    return tuple(column for column in RUNNING if column[0] != "cost" or any(row.cost for row in report.every))


def _table(report: Report, title: str, columns: tuple[tuple[str, str, str], ...]) -> Markup:
    """Return one table: the chain in one body, the controls in another."""
    quality = report.teacher.quality
    metric = words.metric_title(quality.metric).capitalize() if quality else "Quality"
    head = [
        element("th", name.format(metric=metric), element("small", unit) if unit else None, scope="col")
        for _, name, unit in (("", "Stage", ""), *columns)
    ]
    bodies = [element("tbody", [_row(report, row, columns) for row in report.rows])]
    if report.controls:
        told = element(
            "tr", element("th", "Controls, beside the chain", colspan=str(len(head)), scope="rowgroup"), class_="group"
        )
        bodies.append(element("tbody", told, [_row(report, row, columns) for row in report.controls]))
    table = element("table", element("caption", title), element("thead", element("tr", head)), bodies, class_="stages sortable")
    return element("div", table, class_="scroll", tabindex="0", role="region", aria_label=title)


def badge(evidence: str | None) -> Markup:
    """Return the mark that says how a figure came about."""
    if not evidence:
        return element("span", "no times", class_="badge none", title="nothing was timed for this row")
    return element("span", evidence, class_=f"badge {evidence}", title=words.EVIDENCE_MEANINGS.get(evidence, evidence))


def marks(report: Report, row: Row, *, timing_only: bool = False) -> list[Markup]:
    """Return the marks of a row: evidence and noise of its times; also whether it came from the store and is the packaged one."""
    found = [badge(row.evidence)]
    noise = words.noise_mark(row.noise)
    if noise:
        found.append(element("span", noise, class_="badge noise", title="the machine was not quiet while this row was timed"))
    if row.from_store and not timing_only:
        found.append(element("span", "from store", class_="badge store", title="made by an earlier run and kept"))
    if row.id == report.selected and not row.control:
        found.append(
            element("span", "packaged", class_="badge packaged", title="the model in the bundle, judged by the budget")
        )
    return found


def row_values(report: Report, row: Row) -> dict[str, Value]:
    """Return all figures of a row by column."""
    key = main_cell(report)
    cell = cell_of(row, key)
    smaller = times_smaller(row, report.teacher) if row is not report.teacher else None
    missed = (
        {entry.get("limit"): missed_note(entry) for entry in report.missed}
        if row.id == report.selected and not row.control
        else {}
    )
    below = words.size_words(smaller) if smaller else ""
    score = row.quality
    return {
        "quality": Value(
            _bare(words.score_text(score)), words.interval(score.ci95, 100) if score else "", score.value if score else None
        ),
        "teacher": _gain(report, row, report.teacher, missed.get("accuracy_drop", "")),
        "labels": _labels_gain(report, row),
        "agreement": _share(score.agreement_with_teacher if score else None, is_teacher=row is report.teacher),
        "size": _number(row.size_bytes / 1e6 if row.size_bytes is not None else None, below, missed.get("size_mb", "")),
        "zlib": _number(row.zlib_bytes / 1e6 if row.zlib_bytes is not None else None),
        "parameters": Value(words.count(row.parameters), sort=row.parameters),
        "p50": _median(report, row, cell, missed.get("latency_ms", "")),
        "faster": _faster(report, row),
        "p90": _percentile(cell, cell.p90 if cell else None),
        "p99": _percentile(cell, cell.p99 if cell else None),
        "cpu": _number(cell.cpu_ms if cell else None),
        "throughput": _number(row.throughput_per_s),
        "memory": _number(row.peak_memory_bytes / 1e6 if row.peak_memory_bytes is not None else None),
        "text": _number(row.end_to_end.p50 if row.end_to_end else None),
        "best": _number(row.best_texts_per_s),
        "mixed": _number(row.mixed_memory_bytes / 1e6 if row.mixed_memory_bytes is not None else None),
        "energy": _number(row.energy_mj),
        "cost": _number(row.cost.get("value"), str(row.cost.get("currency", ""))),
        "load": _number(row.load_ms),
        "first": _number(row.first_ms),
        "seconds": Value(words.duration(row.seconds), sort=row.seconds),
    }


def _row(report: Report, row: Row, columns: tuple[tuple[str, str, str], ...]) -> Markup:
    values = row_values(report, row)
    name = element(
        "th",
        element("span", words.row_title(row), class_="row-name"),
        element("span", marks(report, row, timing_only=columns[0] != WORTH[0]), class_="marks"),
        scope="row",
    )
    chosen = row.id == report.selected and not row.control
    return element("tr", name, [_cell(values[column]) for column, _, _ in columns], class_="chosen" if chosen else None)


def _cell(value: Value) -> Markup:
    absent = value.text == words.NOT_MEASURED
    inner: list[Child] = [element("span", value.text, class_="absent") if absent else value.text]
    if value.below:
        inner.append(element("small", value.below))
    if value.note:
        inner.append(element("small", value.note, class_="over"))
    return element("td", inner, data_value=f"{value.sort:.9g}" if value.sort is not None else None)


def _median(report: Report, row: Row, cell: Cell | None, note: str) -> Value:
    """Return the median with its interval; of a row that was not timed the estimated interval, which sorts last."""
    guess = estimated_cell(row) if cell is None else None
    if guess is not None:
        return Value(words.estimated(guess), f"estimated, {words.length_title(report, guess.length)}", None, note)
    return _number(cell.p50 if cell else None, words.span(cell.ci95_p50 if cell else None), note)


def _number(value: float | None, below: str = "", note: str = "") -> Value:
    return Value(words.NOT_MEASURED if value is None else words.significant(value), below, value, note)


def _gain(report: Report, row: Row, base: Row, note: str = "") -> Value:
    if row is base:
        return Value(NOT_APPLICABLE, sort=0.0)
    gain = quality_gain(row, base)
    return Value(words.NOT_MEASURED) if gain is None else _points(gain, note)


def _labels_gain(report: Report, row: Row) -> Value:
    base = report.control("labels_only")
    if base is None or distilled(report) is None:
        return Value(NOT_APPLICABLE)
    return _gain(report, row, base)


def _points(gain: Estimate, note: str = "") -> Value:
    return Value(words.points(gain.value), words.interval(gain.ci95, 100, sign=True), gain.value, note)


def _share(value: float | None, *, is_teacher: bool) -> Value:
    if is_teacher:
        return Value(NOT_APPLICABLE, sort=1.0)
    return Value(words.NOT_MEASURED) if value is None else Value(_bare(words.percent(value)), sort=value)


def _faster(report: Report, row: Row) -> Value:
    if row is report.teacher:
        return Value(NOT_APPLICABLE, sort=1.0)
    faster = times_faster(row, report.teacher, main_cell(report))
    if faster is None:
        mixed = row.evidence is not None and row.evidence != report.teacher.evidence
        return Value("not comparable", "other evidence") if mixed else Value(words.NOT_MEASURED)
    return Value(words.times(faster.value), words.span(faster.ci95), faster.value)


def _percentile(cell: Cell | None, value: float | None) -> Value:
    if value is None and cell is not None and cell.n is not None:
        return Value("too few runs", f"n = {cell.n}")
    return _number(value)


def _bare(text: str) -> str:
    return text.replace("\u202f%", "")
