"""The tiles under the verdict: quality, size, latency and memory of the packaged model, against the teacher and the budget."""

from __future__ import annotations

from compactor.report import words
from compactor.report.figures import cell_of, estimated_cell, main_cell, quality_gain, times_faster, times_smaller
from compactor.report.markup import Markup, element
from compactor.report.rows import Report
from compactor.report.stage_table import badge


def key_figures(report: Report) -> Markup:
    """Return the tiles."""
    return element("div", _quality(report), _size(report), _time(report), _start(report), class_="tiles")


def _quality(report: Report) -> Markup:
    score = report.chosen.quality
    gain = quality_gain(report.chosen, report.teacher)
    name = words.metric_title(score.metric).capitalize() if score else "Quality"
    told = []
    if score:
        interval = f"95 % interval {words.interval(score.ci95, 100)}, " if score.ci95 else ""
        rows = f", n = {score.n:,}" if score.ci95 and score.n else ""
        told.append(f"{interval}{score.split} split{rows}")
    if gain:
        told.append(f"{words.gain_text(gain)} points against the teacher")
    if score and score.agreement_with_teacher is not None:
        told.append(f"gives the teacher's answer to {words.percent(score.agreement_with_teacher)}")
    drop = report.limits.get("accuracy_drop")
    limit = f"budget: at most {100 * drop:g} points below the teacher" if drop is not None else ""
    return _tile(report, name, words.score_text(score), told, limit, "accuracy_drop")


def _size(report: Report) -> Markup:
    smaller = times_smaller(report.chosen, report.teacher)
    teacher = words.megabytes(report.teacher.size_bytes)
    told = [f"{words.size_words(smaller, 'the teacher')} ({teacher})"] if smaller else []
    if report.chosen.parameters is not None:
        told.append(f"{words.count(report.chosen.parameters)} parameters; all that the app must ship")
    limit = report.limits.get("size_mb")
    return _tile(
        report,
        "Size",
        words.megabytes(report.chosen.size_bytes),
        told,
        f"budget: {limit:g} MB" if limit is not None else "",
        "size_mb",
    )


def _time(report: Report) -> Markup:
    key = main_cell(report)
    cell, base = cell_of(report.chosen, key), cell_of(report.teacher, key)
    faster = times_faster(report.chosen, report.teacher, key)
    told = []
    if faster and base:
        span = words.span(faster.ci95)
        told.append(
            f"{words.times(faster.value)} the teacher's speed {span} ({words.milliseconds(base.p50)})".replace("  ", " ")
        )
    if cell and cell.cpu_ms is not None:
        told.append(f"{words.milliseconds(cell.cpu_ms)} of CPU an answer")
    if key:
        told.append(f"median, {words.cell_title(report, key)}")
    limit = report.limits.get("latency_ms")
    value = words.milliseconds(cell.p50 if cell else None)
    guess = estimated_cell(report.chosen) if cell is None else None
    if guess is not None:
        value = f"{words.estimated(guess)} ms"
        told.append(f"not measured: computed for batch {guess.batch}, {words.length_title(report, guess.length)}")
    return _tile(report, "Latency", value, told, f"budget: {limit:g} ms" if limit is not None else "", "latency_ms", timed=True)


def _start(report: Report) -> Markup:
    row = report.chosen
    peak = words.megabytes(row.peak_memory_bytes)
    told = (
        [f"first answer after {words.milliseconds(row.first_ms)}, model loaded in {words.milliseconds(row.load_ms)}"]
        if row.first_ms
        else []
    )
    if row.throughput_per_s is not None:
        told.append(f"{words.significant(row.throughput_per_s)} answers a second")
    if row.cost:
        told.append(f"{words.significant(row.cost['value'])} {row.cost['currency']} a million answers")
    return _tile(report, "Peak memory", peak, told, "", "", timed=True)


def _tile(report: Report, title: str, value: str, told: list[str], limit: str, name: str, *, timed: bool = False) -> Markup:
    missed = next((entry for entry in report.missed if entry.get("limit") == name), None)
    word = "kept" if missed is None else "not measured, counts as missed" if missed.get("value") is None else "missed"
    judged = element("p", f"{limit} — {word}", class_=f"limit-line {'kept' if missed is None else 'missed'}") if limit else None
    known = value != words.NOT_MEASURED
    # Only times and memory are of a machine: answers and bytes were taken here, whatever the target is.
    evidence = badge(report.chosen.evidence) if timed and known else None
    return element(
        "div",
        element("h3", title, " ", evidence),
        element("p", value, class_="figure" if known else "figure absent"),
        [element("p", line) for line in told],
        judged,
        class_="tile",
    )
