"""The folder that an app loads: written, described, verified. Knows nothing of stages and runs."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compactor.bundle.building import build
    from compactor.bundle.verifying import verify

# Imported at first use: verifying must not need what building needs.
_HOMES = {"build": "building", "verify": "verifying"}

__all__ = ["build", "verify"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
