"""From a torch folder to an ONNX folder with the task's interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compactor.exporting.export import export_onnx

__all__ = ["export_onnx"]


def __getattr__(name: str) -> Any:
    """Give `export_onnx` without loading torch at import."""
    if name == "export_onnx":
        from compactor.exporting.export import export_onnx

        return export_onnx
    raise AttributeError(f"module 'compactor.exporting' has no attribute {name!r}")
