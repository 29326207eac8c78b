"""Names of the time when there was one family of students; use `compactor.models.students`."""

from __future__ import annotations

from compactor.models.students import TransformerStudent as StudentSettings
from compactor.models.students import build_student, kept_layers

__all__ = ["StudentSettings", "build_student", "kept_layers"]
