"""Numbers and names as people read them. Minus signs are U+2212; `plain` gives the ASCII form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from compactor.base.figures import three_figures
from compactor.report.figures import CellKey, Estimate
from compactor.report.rows import REAL_LENGTH, Cell, Report, Row, Score

NOT_MEASURED = "not measured"
SAME_SIZE = "the same size"
NO_BREAK = "\u00a0"
CONTROL_TITLES = {
    "labels_only": "same student, labels only",
    "teacher_int8": "teacher, only quantized",
    "linear": "n-gram linear model",
    "pixels": "linear model on pixels",
}
EVIDENCE_MEANINGS = {
    "measured": "taken on the target itself",
    "proxy": "taken on a machine of the same class, not on the target itself",
    "emulated": "answers are right, times and memory are not known",
    "estimated": "computed, not run",
}
METRIC_TITLES = {"macro_f1": "macro F1", "matthews": "Matthews correlation"}


def plain(text: str) -> str:
    """Return a text with ASCII minus and times signs, for terminals and files that programs read."""
    return (
        text.replace("\u2212", "-").replace("\u00d7", "x").replace("\u202f", " ").replace(NO_BREAK, " ").replace("\u2013", "-")
    )


def signed(value: float, digits: int = 1) -> str:
    """Return a number with its sign; what rounds to zero has none."""
    # 0.9214 - 0.9289 is -0.0075000000000000622: what subtraction left behind must not decide how it rounds.
    text = f"{round(abs(value), 9):.{digits}f}"
    if float(text) == 0:
        return text
    return ("+" if value > 0 else "\u2212") + text


def points(value: float) -> str:
    """Return a difference of two shares in points: 0.012 is +1.2."""
    return signed(100 * value)


def percent(value: float, digits: int = 1) -> str:
    """Return a share in percent, 0.9289 as 92.9 %."""
    text = f"{100 * value:.{digits}f}".replace("-", "\u2212")
    return f"{text}\u202f%"


def megabytes(size_bytes: float | None) -> str:
    """Return bytes as megabytes (10^6), to three figures."""
    if size_bytes is None:
        return NOT_MEASURED
    return f"{significant(size_bytes / 1e6)} MB"


def significant(value: float) -> str:
    """Return a number with three significant figures, without an exponent."""
    return three_figures(value).replace("-", "\u2212")


def probability(value: float) -> str:
    """Return a probability to three figures, or with as many as it takes to tell it from 1."""
    if not 0 < value < 1:
        return significant(value)
    closest = (f"{value:.{digits}f}" for digits in range(3, 17))
    return next((text for text in (significant(value), *closest) if float(text) < 1), "1")


def milliseconds(value: float | None) -> str:
    """Return milliseconds to three figures."""
    return NOT_MEASURED if value is None else f"{significant(value)} ms"


def count(value: float | None) -> str:
    """Return a count in short: 22.7 M, 412 k, 871."""
    if value is None:
        return NOT_MEASURED
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{significant(value / size)} {unit}"
    return f"{value:.0f}"


def duration(seconds: float | None) -> str:
    """Return a time spent: 3.8 s, 8 min 06 s, 2 h 05 min."""
    if seconds is None:
        return NOT_MEASURED
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def times(value: float | None) -> str:
    """Return a ratio, 3.6x with a real multiplication sign; near one with two digits."""
    if value is None:
        return NOT_MEASURED
    text = (
        significant(value)
        if value < 0.95
        else f"{value:.2f}"
        if value < 1.05
        else f"{value:.1f}"
        if value < 99.95
        else f"{value:.0f}"
    )
    return f"{text}\u00d7"


def size_words(smaller: float, base: str = "") -> str:
    """Say how a size compares: `10.8x smaller`, `2.26x larger than the teacher`, `the same size as the teacher`.

    Args:
        smaller: how many times fewer bytes it has, see `times_smaller`.
        base: what it is held against; left out where the sentence says it.
    """
    if abs(smaller - 1) < 0.005:
        return f"{SAME_SIZE} as {base}" if base else SAME_SIZE
    told = f"{times(smaller)} smaller" if smaller > 1 else f"{significant(1 / smaller)}\u00d7 larger"
    return f"{told} than {base}" if base else told


def span(ends: tuple[float, float] | None) -> str:
    """Return an interval of positive figures, each end with three figures: `[1.20, 1.22]`; an empty text without one."""
    return f"[{significant(ends[0])}, {significant(ends[1])}]" if ends else ""


def estimated(cell: Cell) -> str:
    """Return an estimated interval of milliseconds: `8.00 to 31.0`."""
    assert cell.interval is not None
    low, high = cell.interval
    return f"{significant(low)} to {significant(high)}"


def interval(ends: tuple[float, float] | None, scale: float = 1.0, digits: int = 1, *, sign: bool = False) -> str:
    """Return an interval as `[91.2, 93.0]`, or an empty text without one."""
    if ends is None:
        return ""
    low, high = (signed(end * scale, digits) if sign else f"{end * scale:.{digits}f}".replace("-", "\u2212") for end in ends)
    return f"[{low}, {high}]"


def gain_text(gain: Estimate | None) -> str:
    """Return a difference of qualities in points with its interval: `+1.3 [+0.4, +2.2]`."""
    if gain is None:
        return NOT_MEASURED
    return f"{points(gain.value)} {interval(gain.ci95, 100, sign=True)}".strip()


def score_text(score: Score | None, digits: int = 1) -> str:
    """Return a quality in percent, without interval."""
    return NOT_MEASURED if score is None else percent(score.value, digits)


def metric_title(name: str) -> str:
    """Return the metric's name for people."""
    return METRIC_TITLES.get(name, name.replace("_", " "))


def row_title(row: Row) -> str:
    """Return the row's name for people."""
    return CONTROL_TITLES.get(row.control, row.control.replace("_", " ")) if row.control else row.id


def cell_title(report: Report, key: CellKey) -> str:
    """Return a cell's name: `batch 1, real lengths`."""
    return f"batch {key[0]}, {length_title(report, key[1])}"


def length_title(report: Report, length: int | str | None) -> str:
    """Return a length for people: `real lengths`, `16 tokens`; of inputs without lengths `real images`, `one size`."""
    if length == REAL_LENGTH:
        return "real images" if report.sees_images else "real lengths"
    return f"{length} tokens" if length else "one size"


def noise_mark(noise: Mapping[str, Any]) -> str:
    """Return why times of a row should be read with care, or an empty text when the machine was quiet."""
    verdict = str(noise.get("verdict") or "quiet")
    flags = [str(flag).replace("_", " ") for flag in noise.get("flags") or ()]
    told = [verdict] if verdict != "quiet" else []
    return ", ".join(dict.fromkeys(told + flags))


def listed(words: Iterable[str]) -> str:
    """Join words as a sentence does: `a, b and c`."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def precision_of(report: Report) -> str:
    """Return the precision that the chosen row ships, as the last quantize stage up to it tells what it took, or else was set to."""
    precision = "fp32"
    for row, source in zip(report.rows, report.source["rows"], strict=True):
        facts = (source.get("facts") or {}).get("quantize") or {}  # a repair may take another method than is set
        method = str(facts.get("method") or row.settings.get("method") or row.settings.get("precision") or "")
        if row.stage == "quantize":
            known = (name for name in ("int8", "int4", "fp16", "bf16", "nf4") if name in method)
            precision = f"int{facts['bits']}" if "bits" in facts else next(known, method or "int8")
        if row.id == report.selected:
            break
    return precision
