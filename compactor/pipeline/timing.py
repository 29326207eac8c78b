"""Time all rows of a run against each other in one interleaved measurement on the target."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.atomic import read_json, write_json
from compactor.base.environment import machine, versions
from compactor.base.hashing import hash_file, hash_value
from compactor.pipeline.execute import Session

if TYPE_CHECKING:
    from compactor.pipeline.record import Row

MEASURED = "measured.json"


def time_rows(session: Session, rows: list[Row], run_folder: Path, *, quick: bool = False) -> bool:
    """Fill `timing` of every row that has a graph; return whether anything had to be measured.

    A measurement is reused only for the same graphs, target, machine and runtime: latency is never carried over from another machine.
    """
    graphs = {row.id: row.onnx for row in rows if row.onnx is not None}
    identity = hash_value(
        {
            "graphs": {name: hash_file(path / "model.onnx") for name, path in graphs.items()},
            "target": session.profile.target.key(),
            "machine": machine(),
            "onnxruntime": versions().get("onnxruntime"),
            "quick": quick,
        }
    )
    kept = run_folder / MEASURED
    before = read_json(kept) if kept.is_file() else {}
    fresh = before.get("identity") != identity
    if fresh:
        before = {"identity": identity, "rows": _measure(session, graphs, run_folder, quick=quick)}
        write_json(kept, before)
    for row in rows:
        row.timing = before["rows"].get(row.id, {})
    return fresh


def _measure(session: Session, graphs: dict[str, Path], run_folder: Path, *, quick: bool) -> dict[str, Any]:
    raise NotImplementedError
