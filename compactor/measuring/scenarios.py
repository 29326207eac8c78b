"""The figures in MLPerf's terms: SingleStream, MultiStream, Offline; and changing lengths, which MLPerf does not have.

MLPerf's own runs take ten minutes and are reviewed; these figures use its definitions, on the times that were taken anyway.
Source: mlcommons/inference_policies, inference_rules.adoc, "Scenarios" and "early stopping".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from compactor.measuring.cells import DATA, MULTI_STREAM_SAMPLES, TEXT, Cell
from compactor.measuring.statistics import early_stopping_estimate

SCENARIOS = ("single-stream", "multi-stream", "offline", "changing-lengths")


def scenarios_of(
    times: dict[Cell, np.ndarray], throughput: list[dict[str, Any]], mixed_memory_bytes: int | None
) -> dict[str, dict[str, Any]]:
    """Compute the figures of all scenarios.

    Args:
        times: milliseconds of each run, by cell.
        throughput: rows of several workers, see throughput.py; may be empty.
        mixed_memory_bytes: resident memory after inputs of changing lengths.

    Returns:
        `single_stream`: `p90_ms` of one text after the other; `multi_stream`: `p99_ms` of queries of eight texts; `offline`:
        `texts_per_s`, the most that any batch and number of workers reached; `changing_lengths`: `p50_ms`, `p90_ms` of real
        lengths, one by one, and `memory_bytes`. A figure without enough runs is None, with its `reason`.
    """
    single = _widest(times, 1)
    multi = _widest(times, MULTI_STREAM_SAMPLES)
    found: dict[str, dict[str, Any]] = {}
    if single is not None:
        found["single_stream"] = {"length": single.length, **_stated(times[single], 90)}
    if multi is not None:
        found["multi_stream"] = {"length": multi.length, "samples": MULTI_STREAM_SAMPLES, **_stated(times[multi], 99)}
    rows = [
        {"batch": cell.batch, "length": cell.length, "workers": 1, "texts_per_s": len(runs) * cell.batch / (runs.sum() / 1e3)}
        for cell, runs in times.items()
        if cell.length != TEXT and len(runs)
    ]
    rows += [{name: row[name] for name in ("batch", "length", "workers", "texts_per_s")} for row in throughput]
    rows = [row for row in rows if row["texts_per_s"] is not None]
    if rows:
        found["offline"] = max(rows, key=lambda row: row["texts_per_s"])
    real = times.get(Cell(1, DATA))
    if real is not None and len(real):
        p50, p90 = (float(np.percentile(real, percent)) for percent in (50, 90))
        found["changing_lengths"] = {"p50_ms": p50, "p90_ms": p90, "n": len(real), "memory_bytes": mixed_memory_bytes}
    return found


def _widest(times: dict[Cell, np.ndarray], batch: int) -> Cell | None:
    """Return the cell of a batch size that stands for it: real lengths if there are, else the longest."""
    cells = [cell for cell in times if cell.batch == batch and cell.length != TEXT]
    return max(cells, key=lambda cell: (cell.length == DATA, cell.length if isinstance(cell.length, int) else 0), default=None)


def _stated(runs: np.ndarray, percent: int) -> dict[str, Any]:
    value, reason = early_stopping_estimate(runs, percent)
    return {f"p{percent}_ms": value, "n": len(runs), **({"reason": reason} if reason else {})}
