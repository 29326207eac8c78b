"""Time all rows of a run against each other in one interleaved measurement on the target."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.atomic import read_json, write_json
from compactor.base.environment import machine, versions
from compactor.base.finding import Finding
from compactor.base.hashing import hash_file, hash_value
from compactor.pipeline.execute import Session
from compactor.pipeline.probe import encoded

if TYPE_CHECKING:
    from compactor.pipeline.record import Row

MEASURED = "measured.json"


def time_rows(session: Session, rows: list[Row], run_folder: Path, *, quick: bool = False) -> bool:
    """Fill `timing` of every row that has a graph; return whether anything had to be measured.

    A measurement is reused only for the same graphs, target, machine and runtime: latency is never carried over from another machine.
    """
    graphs = {row.id: hash_file(row.onnx / "model.onnx") for row in rows if row.onnx is not None}
    folders = {graphs[row.id]: row.onnx for row in reversed(rows) if row.onnx is not None}
    identity = hash_value(
        {
            "graphs": graphs,
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
        names = {digest: next(name for name, other in graphs.items() if other == digest) for digest in folders}
        measured = _measure(session, {names[digest]: folder for digest, folder in folders.items()}, run_folder, quick=quick)
        before = {"identity": identity, "graphs": {digest: measured[name] for digest, name in names.items()}}
        write_json(kept, before)
    for row in rows:
        row.timing = before["graphs"].get(graphs.get(row.id, ""), {})
    return fresh


def _measure(session: Session, folders: dict[str, Path], run_folder: Path, *, quick: bool) -> dict[str, dict[str, Any]]:
    """Time each different graph once; all answer the same validation texts."""
    import onnxruntime

    from compactor.measuring.feeds import choose_rows, real_feeds
    from compactor.measuring.latency import Subject, measure

    target = session.profile.target
    if target.provider not in onnxruntime.get_available_providers():
        session.reporter.finding(_no_provider(target.provider))
        nothing = {"latency_ms": [], "evidence": None, "findings": [_no_provider(target.provider).as_dict()]}
        return dict.fromkeys(folders, nothing)
    subjects, samples, rows = [], {}, None
    for name, folder in folders.items():
        interface, texts = read_json(folder / "interface.json"), encoded(session, folder, "validation")
        rows = choose_rows(texts.lengths, seed=session.profile.seed) if rows is None else rows
        samples[name] = real_feeds(texts, rows, interface)
        subjects.append(Subject(name, folder / "model.onnx", interface))
    session.reporter.say(f"timing {len(subjects)} graphs in turns")
    measured = measure(
        subjects,
        target,
        folder_for_raw=run_folder / "raw",
        reporter=session.reporter,
        samples=samples,
        quick=quick,
        seed=session.profile.seed,
    )
    return {name: result.as_dict() for name, result in measured.items()}


def _no_provider(provider: str) -> Finding:
    return Finding(
        "M151",
        "warning",
        f"latency is not measured: onnxruntime here has no {provider}",
        "run `compactor bench` on the device, or see `compactor doctor` for what to install",
    )
