"""The teacher's answers on one split: computed once, kept as arrays on disk, refused when they belong to something else.

All logits of each row; or, of very many, the highest, their classes, and the log of what the others add up to at one temperature.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.arrays import new_array
from compactor.base.atomic import read_json, write_json
from compactor.base.errors import StageError
from compactor.base.reporter import Reporter

if TYPE_CHECKING:
    import torch

    from compactor.distillation.keeping import TeacherOutputs
    from compactor.distillation.losses import TopLogits
    from compactor.distillation.precision import Precision

LOGITS, INDICES, REST, MANIFEST = "logits.npy", "indices.npy", "rest.npy", "teacher_outputs.json"
# Rows answered before the files are closed and opened again, so that what is written does not stay in memory.
BLOCK_ROWS = 8192


def write_teacher_logits(
    model: Any,
    encoded: Any,
    folder: Path,
    identity: dict[str, Any],
    *,
    threads: int,
    reporter: Reporter,
    kept: TeacherOutputs | None = None,
    precision: Precision = "fp32",
) -> None:
    """Answer every row of a split and write the answers with what they belong to; memory does not grow with the length of answers.

    A word that was cut off has none: NaN stands there, see `compactor.distillation.unanswered`.

    Args:
        model: the teacher.
        encoded: the rows, `compactor.data.Encoded`.
        folder: gets logits.npy, float32 (answers, labels), and a manifest. With `kept`: logits.npy, the highest first, and indices.npy,
            int32, both (answers, top_k); rest.npy, float32 (answers,), logsumexp of the others' logits / temperature.
        identity: hashes of the teacher and of the rows, kept in the manifest.
        threads: cores that torch may use.
        reporter: gets a bar.
        kept: how much of each answer; by default all.
        precision: what the teacher's layers compute in; its head and what is written are fp32.

    Raises:
        StageError: L155 bf16 is asked for and the GPU has none; L160 an answer is not a number; L162 as many logits shall be kept
            as there are labels.
    """
    from compactor.distillation.evaluate import answer

    files: _Files | None = None
    missing = np.ones(encoded.answers, dtype=bool)
    told = answer(model, encoded, threads=threads, reporter=reporter, block_rows=BLOCK_ROWS, precision=precision)
    for number, (places, logits) in enumerate(told):
        _check_finite(logits, places)
        if files is None:
            files = _Files(folder, encoded.answers, logits.shape[1], kept)
        files.put(places, logits)
        missing[places] = False
        if (number + 1) % (BLOCK_ROWS // 32) == 0:
            files.reopen()
    assert files is not None, "there are no rows"
    files.leave_out(np.flatnonzero(missing))
    write_json(folder / MANIFEST, {"identity": identity, "shape": files.shape, "labels": files.labels, **files.top})


def teacher_logits(folder: Path, identity: dict[str, Any], rows: int) -> np.ndarray:
    """Return all logits written by `write_teacher_logits`, memory-mapped: float32 (rows, labels).

    Raises:
        StageError: L161 they belong to another teacher, to other rows, or are incomplete.
    """
    logits: np.ndarray = np.load(folder / LOGITS, mmap_mode="r")
    _check_identity(folder, identity, logits, rows)
    return logits


def top_teacher_logits(folder: Path, identity: dict[str, Any], rows: int) -> KeptTop:
    """Return the highest logits written by `write_teacher_logits` with `kept`, memory-mapped; raises as `teacher_logits` does."""
    values, indices, rest = (np.load(folder / name, mmap_mode="r") for name in (LOGITS, INDICES, REST))
    manifest = _check_identity(folder, identity, values, rows)
    return KeptTop(values, indices, rest, manifest["temperature"], manifest["labels"])


@dataclass(frozen=True)
class KeptTop:
    """A teacher's highest logits, looked up by row; see `compactor.distillation.losses.TopLogits`.

    Attributes:
        values: float32 (rows, k), the logits themselves, the highest first.
        indices: int32 (rows, k), their classes.
        rest: float32 (rows,), logsumexp of logit / temperature over all other classes.
        temperature: what `rest` was made for.
        labels: how many classes there are.
    """

    values: np.ndarray
    indices: np.ndarray
    rest: np.ndarray
    temperature: float
    labels: int

    def batch(self, rows: np.ndarray, device: torch.device) -> TopLogits:
        """Return those of some rows as tensors."""
        import torch

        from compactor.distillation.losses import TopLogits

        values, rest = (torch.from_numpy(np.array(part[rows])).to(device) for part in (self.values, self.rest))
        indices = torch.from_numpy(np.array(self.indices[rows], dtype=np.int64)).to(device)
        return TopLogits(values, indices, rest, self.temperature)


def top_of(logits: np.ndarray, kept: TeacherOutputs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return values, indices and rest of logits (rows, labels), as in `KeptTop`.

    The rest is summed from the logits that are not kept, in float64, and not as one minus the mass of the kept ones, which would cancel.
    """
    parted = np.argpartition(-logits, kept.top_k - 1, axis=1)
    top, others = parted[:, : kept.top_k], parted[:, kept.top_k :]
    order = np.argsort(-np.take_along_axis(logits, top, axis=1), axis=1, kind="stable")
    indices = np.take_along_axis(top, order, axis=1)
    tempered = np.take_along_axis(logits, others, axis=1).astype(np.float64) / kept.temperature
    highest = tempered.max(axis=1)
    rest = highest + np.log(np.exp(tempered - highest[:, None]).sum(axis=1))
    return np.take_along_axis(logits, indices, axis=1), indices.astype(np.int32), rest.astype(np.float32)


class _Files:
    """The arrays being written."""

    def __init__(self, folder: Path, answers: int, labels: int, kept: TeacherOutputs | None) -> None:
        if kept is not None and kept.top_k >= labels:
            raise StageError("L162", f"teacher_outputs keeps {kept.top_k} of {labels} logits", "leave teacher_outputs out")
        self.folder, self.kept, self.labels = folder, kept, labels
        self.shape = [answers, labels if kept is None else kept.top_k]
        self.top = {} if kept is None else {"temperature": kept.temperature}
        shapes: dict[str, tuple[Any, tuple[int, ...]]] = {LOGITS: (np.float32, tuple(self.shape))}
        if kept is not None:
            shapes |= {INDICES: (np.int32, tuple(self.shape)), REST: (np.float32, (answers,))}
        for name, (kind, shape) in shapes.items():
            new_array(folder / name, shape, kind)
        self.names = tuple(shapes)
        self.reopen()

    def reopen(self) -> None:
        """Give what is mapped back to the system."""
        self.arrays = [np.load(self.folder / name, mmap_mode="r+") for name in self.names]

    def put(self, places: np.ndarray, logits: np.ndarray) -> None:
        """Write some answers where they belong."""
        parts = (logits,) if self.kept is None else top_of(logits, self.kept)
        for array, part in zip(self.arrays, parts, strict=True):
            array[places] = part

    def leave_out(self, places: np.ndarray) -> None:
        """Say that these have no answer."""
        self.arrays[0][places] = np.nan


def _check_finite(logits: np.ndarray, places: np.ndarray) -> None:
    if not np.isfinite(logits).all():
        row = int(places[np.flatnonzero(~np.isfinite(logits).all(axis=1))[0]])
        raise StageError(
            "L160", f"the teacher's answer to row {row} is not a number", "the checkpoint is damaged, or overflowed in training"
        )


def _check_identity(folder: Path, identity: dict[str, Any], logits: np.ndarray, rows: int) -> dict[str, Any]:
    manifest: dict[str, Any] = read_json(folder / MANIFEST)
    wrong = [name for name, value in identity.items() if manifest["identity"].get(name) != value]
    if wrong or logits.shape[0] != rows or list(logits.shape) != manifest["shape"]:
        what = f"another {wrong[0]}" if wrong else f"{logits.shape[0]} rows, not {rows}"
        raise StageError("L161", f"the kept teacher outputs in {folder} belong to {what}", "delete that folder and run again")
    return manifest
