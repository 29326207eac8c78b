"""What several stages start from: encoded rows and the teacher's answers, each made once and kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from compactor.base.errors import StageError
from compactor.base.hashing import hash_file, hash_value

if TYPE_CHECKING:
    import numpy as np

    from compactor.data import Encoded, Rows
    from compactor.distillation.losses import LossTerm
    from compactor.distillation.objective import TeacherSignal
    from compactor.stages._contract import Work

# `training` is `train` followed by the rows that a stage such as augment made: the same rows as `train` where there is none.
Split = Literal["train", "training", "validation", "test"]


def rows_of(work: Work, split: Split) -> Rows:
    """Return one split of the work's data; `training` is all that a student is trained on."""
    rows: Rows | None = work.training if split == "training" else getattr(work.data, split)
    if rows is None:
        raise StageError("D190", f"the data has no {split} split", f"name a file in data.{split}")
    return rows


def encoded(work: Work, folder: Path, split: Split = "train") -> Encoded:
    """Return a split encoded by the tokenizer of a model folder, cut to its `model_max_length`; kept as a by-product.

    Args:
        work: gives the data, and the store for what is kept.
        folder: a torch or onnx artifact's folder, with tokenizer.json and tokenizer_config.json.
        split: `train`, `training`, `validation` or `test`.
    """
    from compactor.data import Encoded, encode
    from compactor.models.tokenizer import load_tokenizer, max_length, pad_id

    rows, length = rows_of(work, split), max_length(folder)

    def build(target: Path) -> None:
        encode(rows, load_tokenizer(folder), length, target)

    parts = {"tokenizer": tokenizer_hash(folder), "rows": rows.fingerprint, "max_length": length, "version": 1}
    return Encoded(work.derive("encoded", parts, build), pad_id(folder))


def teacher_logits(work: Work, split: Split = "train") -> np.ndarray:
    """Return the teacher's logits on a split, float32 (rows, labels), memory-mapped; row i belongs to the i-th row of the split.

    Computed once for this teacher's bytes, these rows and this length, by the PyTorch teacher.
    """
    from compactor.distillation.teacher_outputs import teacher_logits as read
    from compactor.distillation.teacher_outputs import write_teacher_logits
    from compactor.models.tokenizer import max_length

    teacher = teacher_folder(work)
    assert work.teacher is not None
    rows = rows_of(work, split)
    identity = {"teacher": work.teacher.content, "rows": rows.fingerprint, "max_length": max_length(teacher), "version": 1}

    def build(target: Path) -> None:
        work.reporter.say(f"the teacher answers {len(rows)} {split} rows")
        arrays = encoded(work, teacher, split)
        write_teacher_logits(load_model(work, teacher), arrays, target, identity, threads=work.threads, reporter=work.reporter)

    return read(work.derive("teacher-outputs", identity, build), identity, len(rows))


def teacher_signal(work: Work, losses: tuple[LossTerm, ...]) -> TeacherSignal | None:
    """Return what the losses need of the teacher: its kept answers, itself too if one looks inside it, None if none asks."""
    from compactor.distillation.losses import needs
    from compactor.distillation.objective import TeacherSignal

    wanted = needs(losses)
    inside = bool(wanted & {"hidden_states", "relations"})
    if not inside and "logits" not in wanted:
        return None
    logits = teacher_logits(work, "training") if "logits" in wanted else None
    return TeacherSignal(logits, load_model(work, teacher_folder(work)) if inside else None)


def load_model(work: Work, folder: Path) -> Any:
    """Return the torch model of an artifact's folder."""
    from compactor.models import load

    return load(folder, work.task)


def teacher_folder(work: Work) -> Path:
    """Return the folder of the teacher's artifact."""
    if work.teacher is None:
        raise StageError("L141", "this step needs a teacher, and the profile has none", "put a teacher stage first")
    return work.teacher.folder


def tokenizer_hash(folder: Path) -> str:
    """Return the hash of what decides how texts become pieces."""
    path = folder / "tokenizer.json"
    if path.is_file():
        return hash_file(path)
    return hash_value(
        {name.name: hash_file(name) for name in sorted(folder.glob("*")) if name.suffix in {".json", ".txt", ".model"}}
    )
