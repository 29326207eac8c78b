"""Time all rows of a run against each other in one interleaved measurement on the target."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.atomic import read_mapping, write_json
from compactor.base.environment import machine
from compactor.base.finding import Finding
from compactor.base.hashing import hash_value
from compactor.measuring.cost import priced
from compactor.pipeline.cascades import graph_hash, subject_of
from compactor.pipeline.execute import Session
from compactor.pipeline.kept_times import conditions, worth_keeping
from compactor.pipeline.probe import encoded

if TYPE_CHECKING:
    import numpy as np

    from compactor.pipeline.record import Row

MEASURED = "measured.json"
PROTOCOL = 2  # bumped when the way of measuring changes: older figures are then taken anew
MOST_WORKERS = 4  # side by side, of each graph


def time_rows(session: Session, rows: list[Row], run_folder: Path, *, quick: bool = False, anew: bool = False) -> bool:
    """Fill `timing` of every row that has a graph; return whether anything had to be measured.

    A measurement is reused only for the same graphs, rows, target, machine and runtime: latency is never carried over from another
    machine. One whose times were withheld is not reused, and none is with `anew`.
    """
    graphs = {row.id: graph_hash(row.onnx) for row in rows if row.onnx is not None}
    folders = {graphs[row.id]: row.onnx for row in reversed(rows) if row.onnx is not None}
    identity = hash_value({"graphs": graphs, "protocol": PROTOCOL, **conditions(session, session.profile.target, quick=quick)})
    kept = run_folder / MEASURED
    before = read_mapping(kept)
    fresh = anew or before.get("identity") != identity
    if fresh:
        names = {digest: next(name for name, other in graphs.items() if other == digest) for digest in folders}
        measured = _measure(session, {names[digest]: folder for digest, folder in folders.items()}, run_folder, quick=quick)
        before = {"identity": identity, "graphs": {digest: measured[name] for digest, name in names.items()}}
        if worth_keeping(before["graphs"].values()):
            write_json(kept, before)
        else:
            kept.unlink(missing_ok=True)
    for row in rows:
        row.timing = priced(before["graphs"].get(graphs.get(row.id, ""), {}), session.profile.target)
    return fresh


def _measure(session: Session, folders: dict[str, Path], run_folder: Path, *, quick: bool) -> dict[str, dict[str, Any]]:
    """Time each different graph once; all answer the same validation texts."""
    import onnxruntime

    from compactor.measuring.feeds import choose_rows
    from compactor.measuring.latency import measure

    target = session.profile.target
    if target.provider not in onnxruntime.get_available_providers():
        session.reporter.finding(_no_provider(target.provider))
        nothing = {"latency_ms": [], "evidence": None, "findings": [_no_provider(target.provider).as_dict()]}
        return dict.fromkeys(folders, nothing)
    subjects, samples, rows = [], {}, None
    for name, folder in folders.items():
        if rows is None:
            rows = choose_rows(encoded(session, folder, "validation").lengths, seed=session.profile.seed)
        subject, samples[name] = subject_of(session, name, folder, rows)
        subjects.append(subject)
    session.reporter.say(f"timing {len(subjects)} graphs in turns")
    measured = measure(
        subjects,
        target,
        folder_for_raw=run_folder / "raw",
        reporter=session.reporter,
        samples=samples,
        texts=_texts(session, rows),
        workers=0 if quick else min(MOST_WORKERS, max(1, machine()["cores_allowed"] // target.threads)),
        quick=quick,
        seed=session.profile.seed,
    )
    return {name: result.as_dict() for name, result in measured.items()}


def _texts(session: Session, rows: np.ndarray | None) -> list[str] | None:
    """Return the validation texts that are timed, so that their tokenization is timed too; pairs, images, tags have other inputs."""
    split = session.open_data().validation
    if rows is None or split.pair or split.images or split.tags is not None:
        return None
    return split.select(rows).texts()


def _no_provider(provider: str) -> Finding:
    from compactor.measuring.providers import installed_packages, what_is_missing

    remedies = [missing.remedy for missing in what_is_missing(provider, installed_packages())]
    return Finding(
        "M151",
        "warning",
        f"latency is not measured: onnxruntime here has no {provider}",
        "; ".join(remedies) or "run `compactor bench` on the device, or see `compactor doctor` for what to install",
    )
