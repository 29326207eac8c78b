"""The state of a training on disk: complete or absent, the newest kept."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from compactor.base.atomic import fresh_folder, read_json, write_json
from compactor.models.saving import write_error

PREFIX = "step-"
TENSORS, VALUES = "state.safetensors", "state.json"


@dataclass(frozen=True)
class State:
    """Everything a training needs to go on.

    Attributes:
        tensors: weights, optimizer moments, random states, by name.
        values: JSON-able: `step`, `identity`, the curve so far.
    """

    tensors: dict[str, Tensor]
    values: dict[str, Any]


def save_state(folder: Path, state: State) -> None:
    """Write a state; the one before is removed only when the new one is complete.

    Raises:
        StageError: R101 or R102 when the disk is full or refuses; the state before is still there.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    final = folder / f"{PREFIX}{state.values['step']:09d}"
    if final.exists():
        return
    with fresh_folder(final) as scratch:
        try:
            save_file(_apart(state.tensors), scratch / TENSORS)
        except (OSError, SafetensorError) as error:  # safetensors wraps a failed write in a class of its own
            raise write_error(error, folder) from error
        write_json(scratch / VALUES, state.values)
    for old in _finished(folder)[:-1]:
        _remove(old)


def load_state(folder: Path, identity: dict[str, Any]) -> State | None:
    """Return the newest state that can be read and belongs to this training; None when there is none."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    for path in reversed(_finished(folder)):
        try:
            values = read_json(path / VALUES)
            if values["identity"] == identity:
                return State(load_file(path / TENSORS), values)
        except (OSError, ValueError, KeyError, SafetensorError):  # a torn file: the disk lost it, or somebody touched it
            _remove(path)
    return None


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors with memory of their own each; safetensors refuses those that share it, such as the code book of 8-bit moments."""
    seen: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        contiguous = tensor.contiguous()
        place = contiguous.untyped_storage().data_ptr()
        apart[name] = contiguous.clone() if place in seen and contiguous.numel() else contiguous
        seen.add(place)
    return apart


def _finished(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"{PREFIX}*") if path.is_dir())


def _remove(path: Path) -> None:
    """Remove a state; it loses its name first, so that a kill in the middle leaves nothing that looks complete."""
    doomed = path.with_name(f".{path.name}.old")
    shutil.rmtree(doomed, ignore_errors=True)
    os.replace(path, doomed)
    shutil.rmtree(doomed, ignore_errors=True)
