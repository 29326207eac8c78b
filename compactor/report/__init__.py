"""Pages for people, made from report.json alone. Knows nothing of torch, and measures nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compactor.report.compare import compare
    from compactor.report.pages import write
    from compactor.report.rows import read_report
    from compactor.report.terminal import render
    from compactor.report.verdict import verdict

__all__ = ["compare", "read_report", "render", "verdict", "write"]

_HOMES = {"compare": "compare", "read_report": "rows", "render": "terminal", "verdict": "verdict", "write": "pages"}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Kept, so that the function stands for its name and not the module of the same name.
    globals()[name] = found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found
