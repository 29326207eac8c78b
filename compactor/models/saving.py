"""Torch models → model folders that reload exactly: config.json, model.safetensors, tokenizer files."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

from compactor.base.errors import StageError, disk_error
from compactor.models.families import is_layered
from compactor.models.quiet import quiet_transformers
from compactor.models.tokenizer import copy_tokenizer, pad_id
from compactor.models.widths import write_widths


def save(model: Any, tokenizer_folder: Path, folder: Path, *, labels: tuple[str, ...], max_length: int | None = None) -> None:
    """Write a model and its tokenizer; `compactor.models.load` reads it back bit for bit.

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
    config.pad_token_id = pad_id(tokenizer_folder)
    # A path of this machine has no place in a folder that travels.
    config._name_or_path = ""
    try:
        with quiet_transformers():
            model.save_pretrained(folder, safe_serialization=True) if _old() else model.save_pretrained(folder)
    except Exception as error:  # safetensors has an error class of its own for a failed write
        raise write_error(error, folder) from error
    copy_tokenizer(tokenizer_folder, folder, length=max_length)


def write_error(error: Exception, path: Path) -> StageError:
    """Turn whatever a library raises while it writes into a sentence; safetensors hides the system's error in its text."""
    if isinstance(error, OSError):
        return disk_error(error, path)
    full = "os error 28" in str(error) or "No space left" in str(error)
    return disk_error(
        OSError(errno.ENOSPC if full else errno.EIO, str(error).splitlines()[0] if str(error) else type(error).__name__), path
    )


def _old() -> bool:
    import transformers

    return int(transformers.__version__.split(".")[0]) < 5
