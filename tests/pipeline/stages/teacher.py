"""Starts a chain."""

from __future__ import annotations

from typing import ClassVar

from compactor.base.settings import setting
from compactor.stages import Stage


class Teacher(Stage):
    """A model as it is."""

    once: ClassVar[bool] = True
    model: str = setting(doc="folder or hub id", examples=["./my-model"])

    def run(self, source, work):
        raise NotImplementedError
