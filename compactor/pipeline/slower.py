"""Compares each row's time with that of the row before it in the chain, and tells the steps that lost time."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.checks.slower import EXPECTED, slower, why_slow

if TYPE_CHECKING:
    from compactor.pipeline.execute import Session
    from compactor.pipeline.record import Row


def tell_slower(session: Session, rows: list[Row], run_folder: Path) -> None:
    """Add a finding to every row of the chain that is slower than the one before; rows without times are passed over.

    Args:
        session: target and reporter.
        rows: the chain, in order; both times are of one interleaved measurement.
        run_folder: the raw values lie below it.
    """
    timed = [row for row in rows if _raw(row) is not None]
    for before, row in pairwise(timed):
        if row.stage in EXPECTED and _raw(row) != _raw(before):
            _tell(session, before, row, run_folder)


def _tell(session: Session, before: Row, row: Row, run_folder: Path) -> None:
    from compactor.measuring.latency import ratio

    first, second = _raw(row), _raw(before)
    assert first is not None
    assert second is not None
    if not ((run_folder / first).is_file() and (run_folder / second).is_file()):
        return
    times, interval = ratio(run_folder / first, run_folder / second)
    if interval[0] <= 1:
        return
    import onnx

    assert before.onnx is not None
    assert row.onnx is not None
    graphs = [onnx.load(str(each / "model.onnx")) for each in (before.onnx, row.onnx)]
    reasons = why_slow(graphs[0], graphs[1], session.profile.target)
    for finding in slower(row.stage, times, interval, reasons, place="model.onnx"):
        row.findings.append(finding.as_dict())
        session.reporter.finding(finding)


def _raw(row: Row) -> str | None:
    """Return the file of the raw values that stand for a row: real lengths, one by one, if they were timed; None for estimates."""
    cells: list[dict[str, Any]] = [cell for cell in row.timing.get("latency_ms") or [] if cell.get("raw")]
    return next((cell["raw"] for cell in cells if cell["length"] == "data"), cells[0]["raw"] if cells else None)
