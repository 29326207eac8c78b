"""The results: a Markdown table, and everything it was made from as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from made import Made

from compactor.base.environment import machine, versions
from compactor.measuring.latency import Measured, ratio
from compactor.tasks.metrics import accuracy_interval

HEADS = (
    "contender",
    "accuracy",
    "95 % interval",
    "kept",
    "MB",
    "smaller",
    "p50 ms",
    "faster",
    "95 % interval",
    "with tokenizer ms",
    "CPU ms",
)


def write_results(
    out: Path, made: Sequence[Made], right: dict[str, np.ndarray], times: dict[str, Measured], failed: dict[str, str], name: str
) -> str:
    """Write results.json and table.md; return the table.

    Args:
        out: the folder; raw/ lies there.
        made: the contenders, the fp32 teacher first: `kept`, `smaller` and `faster` are against it.
        right: for each contender which test rows it answers rightly, bool (rows,).
        times: of the interleaved measurement.
        failed: contenders that could not be made, with the reason.
        name: of the profile.
    """
    rows = [_row(each, made[0], right, times, out) for each in made]
    first = times[made[0].name]
    record = {
        "schema": "compactor.side-by-side/1",
        "profile": name,
        "rows": rows,
        "failed": failed,
        "self_test": first.aa,
        "machine": machine(),
        "versions": versions(("compactor", "onnxruntime", "numpy", "torch", "transformers")),
        "times": {each: found.as_dict() for each, found in times.items()},
    }
    (out / "results.json").write_text(json.dumps(record, indent=1, allow_nan=False), encoding="utf-8")
    lines = [f"| {' | '.join(HEADS)} |", "| --- |" + " ---: |" * (len(HEADS) - 1), *map(_line, rows)]
    lines += [f"| {each} | could not be made: {reason} |" + " |" * (len(HEADS) - 2) for each, reason in failed.items()]
    noise = {each: (found.noise or {}).get("verdict") for each, found in times.items()}
    lines += ["", f"{len(right[made[0].name])} test rows. Self-test: {first.aa}. Noise: {noise}."]
    table = "\n".join(lines) + "\n"
    (out / "table.md").write_text(table, encoding="utf-8")
    return table


def _row(each: Made, teacher: Made, right: dict[str, np.ndarray], times: dict[str, Measured], out: Path) -> dict[str, Any]:
    answers, found = right[each.name], times[each.name]
    interval = accuracy_interval(int(answers.sum()), len(answers), seed=0)
    row: dict[str, Any] = {
        "name": each.name,
        "accuracy": float(answers.mean()),
        "ci95": list(interval),
        "kept": float(answers.mean() / right[teacher.name].mean()),
        "size_bytes": each.size_bytes,
        "smaller": teacher.size_bytes / each.size_bytes,
        "made": {name: value for name, value in each.about.items() if name != "predicted"},
        "p50_ms": None,
        "cpu_ms": None,
        "faster": None,
        "faster_ci95": None,
        "end_to_end_ms": found.end_to_end_ms["p50"] if found.end_to_end_ms else None,
    }
    if found.latency_ms:
        row["p50_ms"], row["cpu_ms"] = found.latency_ms[0]["p50"], found.latency_ms[0]["cpu_ms"]
        raws = [out / measured.latency_ms[0]["raw"] for measured in (times[teacher.name], found) if measured.latency_ms]
        row["faster"], (low, high) = ratio(*raws) if each is not teacher else (1.0, (1.0, 1.0))
        row["faster_ci95"] = [low, high]
    return row


def _line(row: dict[str, Any]) -> str:
    low, high = (f"{100 * end:.1f}" for end in row["ci95"])
    cells = [
        row["name"],
        f"{row['accuracy']:.1%}",
        f"[{low}, {high}]",
        f"{row['kept']:.1%}",
        f"{row['size_bytes'] / 1e6:.2f}",
        f"{row['smaller']:.1f}x",
        _figure(row["p50_ms"], ".3f"),
        _figure(row["faster"], ".1f") + "x",
        "" if row["faster_ci95"] is None else "[{:.1f}, {:.1f}]".format(*row["faster_ci95"]),
        _figure(row["end_to_end_ms"], ".3f"),
        _figure(row["cpu_ms"], ".3f"),
    ]
    return f"| {' | '.join(cells)} |"


def _figure(value: float | None, form: str) -> str:
    return "not measured" if value is None else format(value, form)
