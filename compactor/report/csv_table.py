"""report.csv: one row a stage and latency cell, plain headers with units; an empty field was not measured."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from compactor.base.spreadsheet import as_text
from compactor.report.rows import LARGER, PARTS, Cell, Report, Row
from compactor.report.words import noise_mark

COLUMNS = (
    "run", "row", "kind", "stage", "selected", "evidence", "noise",
    "metric", "quality", "quality_low", "quality_high", "quality_rows", "quality_split", "agreement_with_teacher",
    "parameters", "size_bytes", *(f"size_{part}_bytes" for part in (*PARTS, LARGER)), "model_zlib_bytes",
    "batch", "length", "threads", "p50_ms", "p50_low_ms", "p50_high_ms", "p90_ms", "p99_ms", "mean_ms", "samples", "cpu_ms",
    "estimated_low_ms", "estimated_high_ms",
    "throughput_per_s", "load_ms", "first_ms", "peak_memory_bytes", "mixed_memory_bytes", "from_text_p50_ms", "best_texts_per_s",
    "energy_mj", "cost_per_million", "currency", "seconds", "from_store",
)  # fmt: skip


def csv_table(report: Report) -> str:
    """Return the CSV; a row without latency has one line with empty cell fields."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in report.every:
        for cell in row.cells or (None,):
            writer.writerow({name: _field(value) for name, value in _values(report, row, cell)})
    return text.getvalue()


def _values(report: Report, row: Row, cell: Cell | None) -> Iterator[tuple[str, Any]]:
    score = row.quality
    yield from (("run", report.name), ("row", row.id), ("kind", "control" if row.control else "stage"), ("stage", row.stage))
    yield from (("selected", row.id == report.selected and not row.control), ("evidence", row.evidence))
    yield "noise", noise_mark(row.noise) or None
    if score is not None:
        low, high = score.ci95 or (None, None)
        yield from (("metric", score.metric), ("quality", score.value), ("quality_low", low), ("quality_high", high))
        yield from (
            ("quality_rows", score.n),
            ("quality_split", score.split),
            ("agreement_with_teacher", score.agreement_with_teacher),
        )
    yield from (("parameters", row.parameters), ("size_bytes", row.size_bytes))
    yield from ((f"size_{part}_bytes", row.size_by_part.get(part)) for part in (*PARTS, LARGER))
    yield "model_zlib_bytes", row.zlib_bytes
    if cell is not None:
        low, high = cell.ci95_p50 or (None, None)
        yield from (("batch", cell.batch), ("length", cell.length), ("threads", cell.threads), ("p50_ms", cell.p50))
        yield from (("p50_low_ms", low), ("p50_high_ms", high), ("p90_ms", cell.p90), ("p99_ms", cell.p99))
        shortest, longest = cell.interval or (None, None)
        yield from (("estimated_low_ms", shortest), ("estimated_high_ms", longest))
        yield from (("mean_ms", cell.mean), ("samples", cell.n), ("cpu_ms", cell.cpu_ms))
    yield from (("throughput_per_s", row.throughput_per_s), ("load_ms", row.load_ms), ("first_ms", row.first_ms))
    yield from (("peak_memory_bytes", row.peak_memory_bytes), ("mixed_memory_bytes", row.mixed_memory_bytes))
    yield from (
        ("from_text_p50_ms", row.end_to_end.p50 if row.end_to_end else None),
        ("best_texts_per_s", row.best_texts_per_s),
    )
    yield from (
        ("energy_mj", row.energy_mj),
        ("cost_per_million", row.cost.get("value")),
        ("currency", row.cost.get("currency")),
    )
    yield from (("seconds", row.seconds), ("from_store", row.from_store))


def _field(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return as_text(value) if isinstance(value, str) else value
