"""What a training is made of on its way from process 0 to its helpers: pickled, but for what pickle would copy or cannot take."""

from __future__ import annotations

import inspect
import io
import mmap
import pickle
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import torch

from compactor.base.errors import StageError
from compactor.base.registry import USER_MODULE, import_file

# Set on a transformers model whose hooks for `output_hidden_states` are in place; they are local functions, which pickle cannot take.
HOOKED = "_output_capturing_hooks_installed"
HOOKS = "transformers.utils.output_capturing"


def pack(value: Any) -> bytes:
    """Return a value as bytes: memory-mapped arrays as the names of their files, classes of a user's own file as that file."""
    stream = io.BytesIO()
    _Packer(stream, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    return stream.getvalue()


def unpack(content: bytes) -> Any:
    """Return the value.

    Raises:
        StageError: L153 a memory-mapped file is not seen from here.
    """
    return pickle.loads(content)  # noqa: S301 - from process 0 of the same launch, over the launcher's own connection


class _Packer(pickle.Pickler):
    """Knows the four kinds of object that need care."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, np.memmap) and isinstance(value.base, mmap.mmap):
            columns_first = value.ndim > 1 and value.flags.f_contiguous
            return _open_array, (str(value.filename), value.dtype, value.offset, value.shape, columns_first)
        if isinstance(value, type) and value.__module__.startswith(USER_MODULE):
            method = next(part for part in vars(value).values() if inspect.isfunction(part))
            return _import_class, (inspect.getfile(method), value.__qualname__)
        if isinstance(value, FunctionType) and value.__module__ == HOOKS and "<locals>" in value.__qualname__:
            return _no_hook, ()
        if isinstance(value, torch.nn.Module) and hasattr(
            value, "can_generate"
        ):  # a transformers model; its package may be not imported
            state = {name: part for name, part in vars(value).items() if name != HOOKED}
            return _new_model, (type(value), value.config), state
        return NotImplemented


def _open_array(path: str, dtype: np.dtype[Any], offset: int, shape: tuple[int, ...], columns_first: bool) -> np.ndarray:
    if not Path(path).is_file():
        raise StageError(
            "L153", f"a helping process does not see {path}", "the store must lie on a file system that all machines share"
        )
    return np.memmap(path, dtype, "r", offset, shape, "F" if columns_first else "C")


def _import_class(path: str, name: str) -> Any:
    return getattr(import_file(Path(path)), name)


def _no_hook() -> Any:
    return _nothing


def _nothing(*_given: Any) -> None:
    """Stand where a hook stood; transformers puts its own in again when they are needed."""


def _new_model(kind: Any, config: Any) -> Any:
    """Return an empty model to be filled with its state; transformers learns what a class can output when one is made."""
    with torch.device("meta"):
        kind(config)
    return kind.__new__(kind)
