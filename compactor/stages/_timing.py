"""Milliseconds of some graphs on the target: timed in turns where it is timed here, else estimated from the work of each graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from compactor.base.atomic import read_json
from compactor.base.errors import StageError
from compactor.measuring.estimate.calibrate import run_ms
from compactor.measuring.estimate.interval import estimate, why_not
from compactor.measuring.feeds import choose_rows, real_feeds
from compactor.measuring.latency import Subject, measure
from compactor.measuring.runner import LocalRunner
from compactor.measuring.tables import table_rows
from compactor.stages._inputs import encoded

if TYPE_CHECKING:
    from compactor.stages._contract import Work
    from compactor.targets import Target

GRAPH = "model.onnx"


@dataclass(frozen=True)
class Times:
    """Milliseconds by graph.

    Attributes:
        ms: one text of real length, batch 1.
        evidence: `measured`, `proxy` or `estimated`.
        reason: why it is not `measured`.
    """

    ms: dict[str, float]
    evidence: str
    reason: str


def take_times(work: Work, folders: Mapping[str, Path], tokenizer: Path, raw: Path, *, seconds: float) -> Times:
    """Time graphs against each other on training texts, or estimate their times.

    Args:
        work: gives target, texts and seed.
        folders: of graphs by name; ids beyond the piece table of one are brought inside it.
        tokenizer: folder whose tokenizer they read with.
        raw: where the raw values are written.
        seconds: for the timed part in all.

    Returns:
        The median of each, or on a contended machine its processor time. An estimate is the geometric mean of its interval's ends.

    Raises:
        StageError: K219, neither is possible.
    """
    kind, reason = possible(work.target)
    if kind == "estimated":
        return Times(_estimated(work, folders, tokenizer), kind, reason)
    return Times(_timed(work, folders, tokenizer, raw, seconds), kind, reason)


def possible(target: Target) -> tuple[str, str]:
    """Return what times here are worth for a target, `measured`, `proxy` or `estimated`, and why they are not measured.

    Raises:
        StageError: K219, they can neither be taken nor estimated.
    """
    evidence = LocalRunner().evidence(target)
    reason = evidence.reason
    if target.provider not in onnxruntime.get_available_providers():
        reason = f"onnxruntime here has no {target.provider}"
    elif evidence.kind is not None:
        return evidence.kind, reason
    if unknown := why_not(target):
        sentence = f"prune.aim cannot know what a width costs in milliseconds: {reason}, and {unknown}"
        raise StageError("K219", sentence, "give an aim in parameters or megabytes, or run on the target")
    return "estimated", reason


def _timed(work: Work, folders: Mapping[str, Path], tokenizer: Path, raw: Path, seconds: float) -> dict[str, float]:
    rows = encoded(work, tokenizer, "train")
    chosen = choose_rows(rows.lengths, seed=work.seed)
    subjects, samples = [], {}
    for name, folder in folders.items():
        interface = read_json(folder / "interface.json")
        sizes = table_rows(folder / GRAPH)
        samples[name] = [
            {key: values % sizes[key] if key in sizes else values for key, values in feed.items()}
            for feed in real_feeds(rows, chosen, interface)
        ]
        subjects.append(Subject(name, folder / GRAPH, interface))
    options: dict[str, Any] = {"quick": True, "scenario": "changing-lengths", "seconds": seconds, "seed": work.seed}
    measured = measure(subjects, work.target, folder_for_raw=raw, reporter=work.reporter, samples=samples, **options)
    return {name: run_ms(each) for name, each in measured.items()}


def _estimated(work: Work, folders: Mapping[str, Path], tokenizer: Path) -> dict[str, float]:
    usual = int(np.median(encoded(work, tokenizer, "train").lengths))
    found = {}
    for name, folder in folders.items():
        interval = estimate(folder / GRAPH, work.target, 1, usual, table_rows=table_rows(folder / GRAPH)).interval
        assert interval is not None  # `why_not` had nothing to say
        found[name] = float(np.sqrt(interval[0] * interval[1]))
    return found
