"""Compactor: distill, prune, quantize and export a transformer, measuring every stage on the target."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compactor.runtime import Model, load

# onnxruntime >= 1.29 sends telemetry and writes into the home folder at import unless this is set before.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
__all__ = ["Model", "__version__", "load"]


def __getattr__(name: str) -> Any:
    """Give `compactor.load` without paying for onnxruntime at import."""
    if name in {"Model", "load"}:
        from compactor import runtime

        return getattr(runtime, name)
    raise AttributeError(f"module 'compactor' has no attribute {name!r}")
