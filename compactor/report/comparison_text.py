"""A comparison as plain text for a terminal."""

from __future__ import annotations

from compactor.report import words
from compactor.report.comparison import Comparison, Pair


def comparison_text(comparison: Comparison) -> str:
    """Return a table of the stages and the settings that differ."""
    first, second = comparison.names
    if first == second:
        first, second = f"{first} (1st)", f"{second} (2nd)"
    metric = words.metric_title(comparison.metric)
    lines = [["", metric, "", "change, points", "size", "", "change", "p50", "", "change"]]
    lines += [_fields(pair) for pair in comparison.pairs]
    if comparison.selected.id not in {pair.id for pair in comparison.pairs}:
        lines.append(_fields(comparison.selected))
    blocks = [f"{first} -> {second}; changes are from the first to the second", _aligned(lines)]
    if comparison.paired:
        blocks.append("changes in points are paired: both runs answered the same texts")
    if comparison.reasons:
        blocks.append("compared although the conditions differ:\n" + "\n".join(f"- {reason}" for reason in comparison.reasons))
    blocks.append(_settings(comparison))
    return words.plain("\n\n".join(blocks))


def _fields(pair: Pair) -> list[str]:
    quality, size, time = pair.quality, pair.size_bytes, pair.latency_ms
    return [
        pair.id,
        *(words.percent(value) if value is not None else "-" for value in quality),
        words.gain_text(pair.quality_change) if pair.quality_change else "-",
        *(words.megabytes(value) if value is not None else "-" for value in size),
        _relative(pair.size_ratio),
        *(words.milliseconds(value) if value is not None else "-" for value in time),
        _time_change(pair),
    ]


def _relative(ratio: float | None) -> str:
    return "-" if ratio is None else f"{words.signed(100 * (ratio - 1))} %"


def _time_change(pair: Pair) -> str:
    ratio = pair.latency_ratio
    if ratio is None:
        return "-"
    ends = words.interval((ratio.ci95[0] - 1, ratio.ci95[1] - 1), 100, sign=True) if ratio.ci95 else ""
    return f"{_relative(ratio.value)} {ends}".strip()


def _settings(comparison: Comparison) -> str:
    if not comparison.settings:
        return "the settings are the same"
    lines = [f"  {name}: {_said(one)} -> {_said(other)}" for name, one, other in comparison.settings]
    return "\n".join(["settings that differ:", *lines])


def _said(value: object) -> str:
    text = "not set" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:16]}..."


def _aligned(lines: list[list[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    told = []
    for line in lines:
        rest = "  ".join(field.rjust(width) for field, width in zip(line[1:], widths[1:], strict=True))
        told.append(f"{line[0].ljust(widths[0])}  {rest}".rstrip())
    return "\n".join(told)
