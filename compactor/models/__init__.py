"""Encoders and their tokenizers: loading, saving, describing, reshaping. Knows nothing of training, pruning or ONNX."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compactor.models.counting import parameter_count
    from compactor.models.finding import find_model
    from compactor.models.loading import Loaded, load, load_checkpoint
    from compactor.models.saving import save

# Imported at first use: naming this room must not cost the import of torch.
_HOMES = {
    "parameter_count": "counting",
    "find_model": "finding",
    "Loaded": "loading",
    "load": "loading",
    "load_checkpoint": "loading",
    "save": "saving",
}

__all__ = ["Loaded", "find_model", "load", "load_checkpoint", "parameter_count", "save"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
