"""What the model must do: what rows and labels are, model class, metric, names and meaning of the ONNX inputs and outputs."""

from __future__ import annotations

from compactor.base.registry import Registry
from compactor.tasks._contract import InputKind, LabelKind, Quality, Task

TASKS: Registry[Task] = Registry("compactor.tasks", Task, apart=frozenset({"metrics"}))

__all__ = ["TASKS", "InputKind", "LabelKind", "Quality", "Task"]
