"""The teacher's answers on one split: computed once, kept as an array on disk, refused when they belong to something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from compactor.base.atomic import read_json, write_json
from compactor.base.errors import StageError
from compactor.base.reporter import Reporter

LOGITS, MANIFEST = "logits.npy", "teacher_outputs.json"


def write_teacher_logits(
    model: Any, encoded: Any, folder: Path, identity: dict[str, Any], *, threads: int, reporter: Reporter
) -> None:
    """Answer every row of a split and write the answers with what they belong to.

    Args:
        model: the teacher.
        encoded: the rows, `compactor.data.Encoded`.
        folder: gets logits.npy, float32 (rows, labels), row i the i-th of the split, and a manifest.
        identity: hashes of the teacher and of the rows, kept in the manifest.
        threads: cores that torch may use.
        reporter: gets a bar.
    """
    from compactor.distillation.evaluate import predict

    logits = predict(model, encoded, threads=threads, reporter=reporter)
    if not np.isfinite(logits).all():
        row = int(np.flatnonzero(~np.isfinite(logits).all(axis=1))[0])
        raise StageError(
            "L160", f"the teacher's answer to row {row} is not a number", "the checkpoint is damaged, or overflowed in training"
        )
    np.save(folder / LOGITS, logits)
    write_json(folder / MANIFEST, {"identity": identity, "shape": list(logits.shape)})


def teacher_logits(folder: Path, identity: dict[str, Any], rows: int) -> np.ndarray:
    """Return the answers written by `write_teacher_logits`, memory-mapped: float32 (rows, labels).

    Raises:
        StageError: L161 they belong to another teacher, to other rows, or are incomplete.
    """
    manifest = read_json(folder / MANIFEST)
    logits: np.ndarray = np.load(folder / LOGITS, mmap_mode="r")
    wrong = [name for name, value in identity.items() if manifest["identity"].get(name) != value]
    if wrong or logits.shape[0] != rows or list(logits.shape) != manifest["shape"]:
        what = f"another {wrong[0]}" if wrong else f"{logits.shape[0]} rows, not {rows}"
        raise StageError("L161", f"the kept teacher outputs in {folder} belong to {what}", "delete that folder and run again")
    return logits
