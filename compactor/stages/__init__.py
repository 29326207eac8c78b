"""The stages, one file each: frozen settings and a `run` that fills an empty folder. They know nothing of plans and stores."""

from __future__ import annotations

from compactor.base.registry import Registry
from compactor.stages._contract import Ahead, Derive, Stage, Work

STAGES: Registry[Stage] = Registry("compactor.stages", Stage)

__all__ = ["STAGES", "Ahead", "Derive", "Stage", "Work"]
