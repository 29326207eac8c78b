"""What the rows beside the chain say, one plain sentence each."""

from __future__ import annotations

from compactor.report.figures import Estimate, is_paired, main_cell, quality_gain, times_faster, times_smaller
from compactor.report.rows import Report, Row
from compactor.report.words import SAME_SIZE, interval, listed, megabytes, percent, points, row_title, size_words, times


def control_sentences(report: Report) -> list[tuple[Row, str]]:
    """Return each control with what it tells about the chain."""
    told = {"labels_only": _labels_only, "teacher_int8": _teacher_int8, "linear": _linear, "pixels": _linear}
    return [(row, told.get(row.control, _other)(report, row)) for row in report.controls]


def distilled(report: Report) -> Row | None:
    """Return the row that the labels-only student is the twin of: the last distill stage of the chain."""
    return next((row for row in reversed(report.rows) if row.stage == "distill"), None)


def _labels_only(report: Report, control: Row) -> str:
    student = distilled(report)
    gain = quality_gain(student, control) if student else None
    if gain is None or student is None:
        return "The same student trained on the labels alone could not be compared with the distilled one."
    span = _span(gain, paired=is_paired(student, control))
    if gain.ci95 and not gain.excludes(0.0):
        return (
            f"Distillation changed the result by {points(gain.value)} points{span} over the same student trained on the labels alone; "
            "the interval includes no gain at all."
        )
    word = "gained" if gain.value >= 0 else "lost"
    return f"Distillation {word} {_bare(gain)} points{span} over the same student trained on the labels alone."


def _teacher_int8(report: Report, control: Row) -> str:
    quality = control.quality
    if quality is None:
        return "The teacher was only exported and quantized; its quality was not measured."
    than = _than_the_teacher(control, report)
    against = _against(report, report.chosen, control)
    return f"The teacher only exported and quantized has {percent(quality.value)}{than}; against it, the packaged model is {against}."


def _than_the_teacher(control: Row, report: Report) -> str:
    base = "the teacher itself"
    smaller, faster = times_smaller(control, report.teacher), times_faster(control, report.teacher, main_cell(report))
    speed = [_speed(faster)] if faster else []
    if smaller and size_words(smaller) == SAME_SIZE:
        return f" and is {listed([size_words(smaller, base), *speed])}"
    own = [*([size_words(smaller)] if smaller else []), *speed]
    return f" and is {listed(own)} than {base}" if own else ""


def _linear(report: Report, control: Row) -> str:
    what = "A linear model on pixels" if control.control == "pixels" else "A linear model on word and letter n-grams"
    gain = quality_gain(control, report.chosen)
    if gain is None or control.quality is None:
        return f"{what} could not be compared: its quality was not measured on the same split."
    score, span = percent(control.quality.value), _span(gain, paired=is_paired(control, report.chosen))
    start = f"{what}, with no neural network at all, has {score}"
    if gain.ci95 and not gain.excludes(0.0):
        return f"{start}: {points(gain.value)} points{span} against the packaged model, too close to tell them apart."
    if gain.value >= 0:
        return f"{start}: {_bare(gain)} points better{span} than the packaged model. On this data the linear model is the better one."
    return f"{start}: {_bare(gain)} points worse{span} than the packaged model."


def _other(report: Report, control: Row) -> str:
    return f"{row_title(control)}: against it, the packaged model is {_against(report, report.chosen, control)}."


def _against(report: Report, row: Row, base: Row) -> str:
    """Say size, time and quality of one row against another."""
    smaller, faster, gain = times_smaller(row, base), times_faster(row, base, main_cell(report)), quality_gain(row, base)
    told = []
    if smaller is not None:
        told.append(f"{size_words(smaller)} ({megabytes(row.size_bytes)} against {megabytes(base.size_bytes)})")
    if faster is not None:
        told.append(_speed(faster))
    if gain is not None:
        word = "apart" if _bare(gain) == "0.0" else "better" if gain.value > 0 else "worse"
        told.append(f"{_bare(gain)} points {word}{_span(gain, paired=is_paired(row, base))}")
    return listed(told) if told else "not comparable, nothing was measured"


def _speed(faster: Estimate) -> str:
    return f"{times(faster.value)} faster" if faster.value >= 1 else f"{times(1 / faster.value)} slower"


def _bare(gain: Estimate) -> str:
    return f"{abs(100 * gain.value):.1f}"


def _span(gain: Estimate, *, paired: bool) -> str:
    if gain.ci95 is None:
        return ""
    return f" {interval(gain.ci95, 100, sign=True)}{'' if paired else ' (unpaired)'}"
