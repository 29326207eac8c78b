"""What several stages start from: encoded rows and the teacher's answers, each made once and kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from compactor.base.errors import StageError
from compactor.models.reading import image_settings, reader_hash, reads_images

if TYPE_CHECKING:
    import numpy as np

    from compactor.data import Encoded, Rows
    from compactor.distillation.precision import Precision
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
    return encoded_rows(work, folder, rows_of(work, split))


def encoded_rows(work: Work, folder: Path, rows: Rows) -> Encoded:
    """Return any rows encoded by the tokenizer of a model folder, as `encoded` does; images prepared by its processor's settings."""
    from compactor.data import Encoded, EncodedImages, encode, encode_images
    from compactor.models.tokenizer import load_tokenizer, max_length, pad_id

    if reads_images(folder):
        settings = image_settings(folder)
        told = {"images": settings.geometry, "rows": rows.fingerprint, "version": 1}
        kept = work.derive("prepared images", told, lambda target: encode_images(rows, settings, target))
        return cast("Encoded", EncodedImages(kept, settings))
    length = max_length(folder)

    def build(target: Path) -> None:
        encode(rows, load_tokenizer(folder), length, target)

    parts = {"tokenizer": tokenizer_hash(folder), "rows": rows.fingerprint, "max_length": length, "version": 1}
    return Encoded(work.derive("encoded", parts, build), pad_id(folder))


def teacher_logits(work: Work, split: Split = "train") -> np.ndarray:
    """Return the chain's teacher's logits on a split, float32 (rows, labels), memory-mapped; row i belongs to the i-th row of the split.

    A teacher of several seeds answers with the mean of their probabilities, see `compactor.stages._teachers`.
    """
    from compactor.stages._teachers import chain_teacher, mean_logits

    return mean_logits(work, chain_teacher(work), split)


def model_logits(work: Work, folder: Path, content: str, split: Split = "train", precision: Precision = "fp32") -> np.ndarray:
    """Return a model's logits on a split, float32 (rows, labels), memory-mapped; row i belongs to the i-th row of the split.

    Computed once for this model's bytes, these rows and this length, by PyTorch.

    Args:
        work: gives the data, and the store for what is kept.
        folder: a torch model folder, labels in the data's order.
        content: hash of the folder's files.
        split: which rows.
        precision: what its layers compute in; its head is fp32.
    """
    from compactor.distillation.teacher_outputs import teacher_logits as read
    from compactor.distillation.teacher_outputs import write_teacher_logits
    from compactor.models.tokenizer import max_length
    from compactor.stages._answering import MANIFEST, answered, held_out_answers
    from compactor.stages._small_teacher import NOTE, load_teacher

    rows = rows_of(work, split)
    if (folder / NOTE).is_file():
        precision = "fp32"  # it answers in 8 or 4 bits, by kernels of its own
    if (folder / MANIFEST).is_file():
        return held_out_answers(folder, split) if split in {"validation", "test"} else answered(work, folder, content, rows)
    identity = {"teacher": content, "rows": rows.fingerprint, "max_length": max_length(folder), "version": 3}
    identity |= {"precision": precision}

    def build(target: Path) -> None:
        work.reporter.say(f"the teacher answers {len(rows)} {split} rows")
        how: Any = {"threads": work.threads, "reporter": work.reporter, "precision": precision}
        write_teacher_logits(load_teacher(work, folder), encoded(work, folder, split), target, identity, **how)

    return read(work.derive("teacher-outputs", identity, build), identity, rows.answers)


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
    """Return the hash of what decides how texts become pieces, or images pixels."""
    return reader_hash(folder)
