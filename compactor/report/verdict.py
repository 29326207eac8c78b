"""The one sentence that a person remembers: what was bought, what was paid, and whether the budget holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compactor.report.figures import Estimate, main_cell, quality_gain, times_faster, times_smaller
from compactor.report.reading import parse_report
from compactor.report.rows import Report
from compactor.report.words import listed, metric_title, plain, points, precision_of, significant, size_words, times


def verdict(report: Mapping[str, Any] | Report) -> str:
    """Return the verdict in one sentence, in ASCII: `int8 student: 10.8x smaller, 3.6x faster, -0.8 points of accuracy; ...`."""
    record = report if isinstance(report, Report) else parse_report(report)
    return plain(f"{subject(record)}: {', '.join(bought(record))}; {budget_sentence(record)}")


def subject(report: Report) -> str:
    """Name the model that the budget was judged on: its precision, and student, pruned model or teacher."""
    stages = {row.stage for row in report.rows[: report.rows.index(report.chosen) + 1]}
    noun = (
        "student"
        if "distill" in stages
        else "pruned model"
        if "prune" in stages
        else "sparse model"
        if "sparsify" in stages
        else "teacher"
    )
    return f"{precision_of(report)} {noun}"


def bought(report: Report) -> list[str]:
    """Return size, time and quality of the chosen row against the teacher, each in a few words."""
    chosen, teacher = report.chosen, report.teacher
    if chosen is teacher:
        return ["the teacher as it is"]
    faster = times_faster(chosen, teacher, main_cell(report))
    smaller = times_smaller(chosen, teacher)
    size = "size not measured" if smaller is None else size_words(smaller)
    return [size, _time(faster), _quality(report)]


def budget_sentence(report: Report) -> str:
    """Say whether the budget is met, and if not what is missed and by how much."""
    if not report.limits:
        return "no budget was set"
    if report.met and not report.missed:
        return "meets the budget"
    return f"misses the budget: {listed(missed_words(entry) for entry in report.missed)}"


def missed_words(entry: Mapping[str, Any]) -> str:
    """Say one missed limit in words: `8.5 MB where 8 MB is allowed`."""
    name, allowed, value = entry.get("limit"), entry.get("allowed"), entry.get("value")
    things = {"accuracy_drop": "the drop in quality", "latency_ms": "the latency", "size_mb": "the size"}
    thing = things.get(str(name), str(name))
    if value is None or allowed is None:
        return f"{thing} was not measured on this target"
    if name == "accuracy_drop":
        return f"{_apart(100 * value, 100 * allowed)} points lost where {100 * allowed:g} may be"
    unit = {"latency_ms": " ms", "size_mb": " MB"}.get(str(name), "")
    return f"{thing} is {_apart(value, allowed)}{unit} where {allowed:g}{unit} is allowed"


def missed_note(entry: Mapping[str, Any]) -> str:
    """Say beside a figure that it misses its limit: `misses the budget of 8.5 MB`."""
    name, allowed = str(entry.get("limit")), entry.get("allowed") or 0.0
    unit = {"latency_ms": " ms", "size_mb": " MB"}.get(name, "")
    limit = f"{100 * allowed:g} points" if name == "accuracy_drop" else f"{allowed:g}{unit}"
    if entry.get("value") is None:
        return f"not measured, so the budget of {limit} counts as missed"
    return f"misses the budget of {limit}"


def _apart(value: float, allowed: float) -> str:
    """Round a value, with as many digits as it takes to tell it from its limit."""
    return next((text for digits in (2, 3, 4, 5) if float(text := f"{value:.{digits}g}") > allowed), f"{value:g}")


def _time(faster: Estimate | None) -> str:
    if faster is None:
        return "time not measured"
    if faster.ci95 is not None and not faster.excludes(1.0):
        return f"no measurable gain in time ({times(faster.value)})"
    return f"{times(faster.value)} faster" if faster.value >= 1 else f"{significant(1 / faster.value)}\u00d7 slower"


def _quality(report: Report) -> str:
    gain = quality_gain(report.chosen, report.teacher)
    if gain is None or report.chosen.quality is None:
        return "quality not measured"
    name = metric_title(report.chosen.quality.metric)
    return f"{points(gain.value)} points of {name}" if float(f"{100 * gain.value:.1f}") else f"the same {name}"
