"""Load a bundle with onnxruntime, tokenizers and numpy alone; of compactor it needs only the ground floor."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compactor.runtime.loading import load
    from compactor.runtime.model import Model

# Imported at first use: naming this room costs neither numpy nor onnxruntime.
_HOMES = {"load": "loading", "Model": "model"}

__all__ = ["Model", "load"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
