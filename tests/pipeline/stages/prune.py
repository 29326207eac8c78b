"""Takes torch, gives same."""

from __future__ import annotations

from typing import ClassVar

from compactor.base.settings import setting
from compactor.stages import Stage


class Prune(Stage):
    """Takes torch, gives same."""

    takes: ClassVar[frozenset[str]] = frozenset({"torch"})
    gives: ClassVar[str] = "same"
    opset: int = setting(17, "a number")

    def run(self, source, work):
        raise NotImplementedError
