"""Where the model must run: one YAML file a device. Data only; it knows nothing of how to measure."""

from __future__ import annotations

from compactor.targets.target import Target, load_target, resolved, target_names

__all__ = ["Target", "load_target", "resolved", "target_names"]
