"""Pages for people, made from report.json alone. Knows nothing of torch, and measures nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compactor.report.comparison import compare
    from compactor.report.pages import write
    from compactor.report.reading import read_report
    from compactor.report.terminal import render

__all__ = ["compare", "read_report", "render", "write"]

_HOMES = {"compare": "comparison", "read_report": "reading", "render": "terminal", "write": "pages"}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
