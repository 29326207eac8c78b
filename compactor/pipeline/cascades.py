"""What a cascade is worth: which share of the texts its first level answers, and the time of the mix beside that of the whole."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.atomic import read_json, read_mapping, write_json
from compactor.base.hashing import hash_file, hash_value
from compactor.cascading.temperature import confidence
from compactor.cascading.threshold import levels
from compactor.pipeline.execute import Session
from compactor.pipeline.kept_times import conditions
from compactor.pipeline.probe import LARGER, answers, encoded, rule_of

if TYPE_CHECKING:
    from compactor.measuring.latency import Subject
    from compactor.measuring.made_up import Feed
    from compactor.pipeline.record import Row

KIND, KEPT = "cascade", "mix.json"
MOST_TEXTS, QUICK_TEXTS = 1000, 300
PROTOCOL = 1


def measure_cascades(
    session: Session, rows: list[Row], run_folder: Path, *, quick: bool, timed: bool = True, anew: bool = False
) -> None:
    """Fill `cascade` of each cascade's row: `coverage` and `shares` by split, `mix` by model.

    A mix of the same graphs here is kept, and taken again only with `anew`.
    """
    for before, row in pairwise(rows):
        if row.artifact is None or row.artifact.kind != KIND or before.onnx is None or row.onnx is None:
            continue
        splits = ["validation", *(["test"] if session.open_data().test is not None else [])]
        row.cascade = {split: _shares(session, row.onnx, before.onnx, split) for split in splits}
        row.cascade["mix"] = _mix(session, row.onnx, before.onnx, run_folder, quick=quick, anew=anew) if timed else {}
    for before, row in pairwise(rows):
        if before.cascade and row.artifact is not None and row.artifact.kind == "bundle":
            row.cascade = before.cascade


def _shares(session: Session, folder: Path, before: Path, split: str) -> dict[str, Any]:
    """Return `coverage`, what is answered before the last level, and the share of each level."""
    rule = rule_of(folder)
    early = (
        [(rule["temperature"], None)] if LARGER in rule else [(each["temperature"], each["output"]) for each in rule["exits"]]
    )
    sure = np.stack([confidence(answers(session, before, split, output), of) for of, output in early])
    chosen = levels(sure, rule["confidence"])
    shares = np.bincount(chosen, minlength=len(early) + 1) / len(chosen)
    return {"coverage": float(1.0 - shares[-1]), "shares": [float(share) for share in shares]}


def _mix(session: Session, folder: Path, before: Path, run_folder: Path, *, quick: bool, anew: bool) -> dict[str, Any]:
    """Return the times of the cascade, and of what it replaces: the larger model, or all layers."""
    import onnxruntime

    from compactor.measuring.mix import measure_mix

    target, seed = session.profile.target, session.profile.seed
    if target.provider not in onnxruntime.get_available_providers():
        return {}
    whole = folder / LARGER if LARGER in rule_of(folder) else before
    kept, identity = run_folder / KEPT, _identity(session, [folder, whole], quick)
    told = read_mapping(kept)
    if told.get("identity") == identity and not anew:
        found: dict[str, Any] = told["mix"]
        return found
    split = session.open_data().validation
    most = QUICK_TEXTS if quick else MOST_TEXTS
    rows = np.sort(np.random.default_rng(seed).permutation(len(split))[:most])
    pairs = [subject_of(session, name, place, rows) for name, place in (("cascade", folder), ("whole", whole))]
    found = measure_mix(
        [subject for subject, _ in pairs],
        {subject.id: feeds for subject, feeds in pairs},
        target,
        reporter=session.reporter,
        quick=quick,
        seed=seed,
    )
    write_json(kept, {"identity": identity, "mix": found})
    return found


def subject_of(session: Session, name: str, folder: Path, rows: np.ndarray) -> tuple[Subject, list[Feed]]:
    """Return a graph to time, and some validation rows as it reads them; of a cascade of two files both, and how the first decides."""
    from compactor.measuring.feeds import real_feeds
    from compactor.measuring.latency import Subject

    interface, texts = read_json(folder / "interface.json"), encoded(session, folder, "validation")
    feeds, tokenizer = real_feeds(texts, rows, interface), folder / "tokenizer.json"
    rule, larger = rule_of(folder), None
    if LARGER in rule:
        from compactor.measuring.worker.cascade import LARGER as PREFIX

        second = folder / LARGER
        further = real_feeds(encoded(session, second, "validation"), rows, read_json(second / "interface.json"))
        feeds = [
            {**one, **{PREFIX + key: value for key, value in other.items()}} for one, other in zip(feeds, further, strict=True)
        ]
        larger = {
            "model": second / "model.onnx",
            "confidence": rule["confidence"],
            "temperature": rule["temperature"],
        }
    model = folder / "model.onnx"
    return Subject(name, model, interface, tokenizer=tokenizer if tokenizer.is_file() else None, larger=larger), feeds


def graph_hash(folder: Path) -> str:
    """Return what tells one graph from another; of a cascade of two files both, and the rule."""
    rule, first = rule_of(folder), hash_file(folder / "model.onnx")
    return hash_value([first, hash_file(folder / LARGER / "model.onnx"), rule]) if LARGER in rule else first


def _identity(session: Session, folders: list[Path], quick: bool) -> str:
    graphs = [graph_hash(folder) for folder in folders]
    return hash_value({"graphs": graphs, "protocol": PROTOCOL, **conditions(session, session.profile.target, quick=quick)})
