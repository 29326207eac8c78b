"""Takes torch, gives onnx."""

from __future__ import annotations

from typing import ClassVar

from compactor.base.settings import setting
from compactor.stages import Stage


class Export(Stage):
    """Takes torch, gives onnx."""

    takes: ClassVar[frozenset[str]] = frozenset({"torch"})
    gives: ClassVar[str] = "onnx"
    opset: int = setting(17, "a number")

    def run(self, source, work):
        raise NotImplementedError
