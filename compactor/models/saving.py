"""Torch models → model folders that reload exactly: config.json, model.safetensors, tokenizer or image processor."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

from compactor.base.errors import StageError, disk_error
from compactor.models.families import is_layered
from compactor.models.quiet import quiet_transformers
from compactor.models.reading import copy_reader, reads_images
from compactor.models.standalone import name_code, write_code
from compactor.models.tokenizer import pad_id
from compactor.models.widths import read_widths, write_widths


def save(model: Any, tokenizer_folder: Path, folder: Path, *, labels: tuple[str, ...], max_length: int | None = None) -> None:
    """Write a model and its tokenizer, or its image processor's settings; `compactor.models.load` reads it back bit for bit.

    Where a plain configuration cannot say the shape, a modeling file for plain transformers goes beside the weights, see
    `compactor.models.standalone`.

    Args:
        model: a transformers model; its configuration is brought in line with the widths that its layers have.
        tokenizer_folder: where the tokenizer files are taken from; padding and truncation are removed from them.
        folder: an existing folder.
        labels: label names in id order, written as `id2label`.
        max_length: most pieces of a text, written as the tokenizer's `model_max_length`; by default the source's.

    Raises:
        StageError: R101 or R102 when the disk is full or refuses.
    """
    if hasattr(model, "fold"):
        model.fold()
    if is_layered(model):
        write_widths(model)
    config = model.config
    config.id2label, config.label2id = dict(enumerate(labels)), {label: number for number, label in enumerate(labels)}
    if not reads_images(tokenizer_folder):
        config.pad_token_id = pad_id(tokenizer_folder)
    code = name_code(model)
    # A path of this machine has no place in a folder that travels.
    config._name_or_path = ""
    try:
        with quiet_transformers():
            model.save_pretrained(folder, **_options(config))
    except Exception as error:  # safetensors has an error class of its own for a failed write
        raise write_error(error, folder) from error
    copy_reader(tokenizer_folder, folder, length=max_length)
    write_code(code, folder)


def write_error(error: Exception, path: Path) -> StageError:
    """Turn whatever a library raises while it writes into a sentence; safetensors hides the system's error in its text."""
    if isinstance(error, OSError):
        return disk_error(error, path)
    full = "os error 28" in str(error) or "No space left" in str(error)
    return disk_error(
        OSError(errno.ENOSPC if full else errno.EIO, str(error).splitlines()[0] if str(error) else type(error).__name__), path
    )


def _options(config: Any) -> dict[str, bool]:
    """Return how weights are written: under the names of the model's own modules where only `load` can read them again.

    transformers 5 writes the names that a family had before, and turns them back when it reads; that reader does not know widths.
    """
    import transformers

    if int(transformers.__version__.split(".")[0]) < 5:
        return {"safe_serialization": True}
    return {"save_original_format": False} if read_widths(config) is not None else {}
