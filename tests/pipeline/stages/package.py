"""Takes onnx, gives bundle."""

from __future__ import annotations

from typing import ClassVar

from compactor.base.settings import setting
from compactor.stages import Stage


class Package(Stage):
    """Takes onnx, gives bundle."""

    takes: ClassVar[frozenset[str]] = frozenset({"onnx"})
    gives: ClassVar[str] = "bundle"
    opset: int = setting(17, "a number")

    def run(self, source, work):
        raise NotImplementedError
