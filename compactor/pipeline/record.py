"""The record of a run: one row of the trade-off per stage, written as report.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.artifact import Artifact
from compactor.tasks import Quality

if TYPE_CHECKING:
    import numpy as np

SCHEMA = 1


@dataclass
class Row:
    """One row in the making; whatever stays None was not measured.

    `answers` are the logits on the final split; `against` holds paired differences by the id of the other row.
    """

    id: str
    stage: str
    artifact: Artifact | None
    settings: dict[str, Any]
    onnx: Path | None = None
    control: str = ""
    from_store: bool = False
    seconds: float | None = None
    quality: Quality | None = None
    validation_quality: Quality | None = None
    parameters: int | None = None
    size_bytes: int | None = None
    size_by_part: dict[str, int] | None = None
    compressed_bytes: dict[str, int] | None = None
    timing: dict[str, Any] = field(default_factory=dict)
    answers: np.ndarray | None = None
    against: dict[str, Any] = field(default_factory=dict)
    cascade: dict[str, Any] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the row as report.json has it."""
        artifact = self.artifact
        timing = self.timing
        row = {
            "id": self.id,
            "stage": self.stage,
            "settings": self.settings,
            "artifact": {"key": artifact.key, "kind": artifact.kind, "path": f"stages/{self.id}"} if artifact else None,
            "parameters": self.parameters,
            "size_bytes": self.size_bytes,
            "size_by_part": self.size_by_part,
            "compressed_bytes": self.compressed_bytes,
            "quality": self._final_quality(),
            "validation_quality": quality_dict(self.validation_quality),
            "latency_ms": timing.get("latency_ms") or [],
            "throughput_per_s": timing.get("throughput_per_s"),
            "load_ms": timing.get("load_ms"),
            "first_ms": timing.get("first_ms"),
            "peak_memory_bytes": timing.get("peak_memory_bytes"),
            "memory_bytes": timing.get("memory_bytes") or {},
            "end_to_end_ms": timing.get("end_to_end_ms"),
            "throughput": timing.get("throughput") or [],
            "scenarios": timing.get("scenarios") or {},
            "energy": timing.get("energy"),
            **({"cascade": self.cascade} if self.cascade else {}),
            "cost_per_million": timing.get("cost_per_million"),
            "conditions": timing.get("conditions") or {},
            "seconds": self.seconds,
            "from_store": self.from_store,
            "evidence": timing.get("evidence"),
            "noise": timing.get("noise"),
            "findings": self.findings + timing.get("findings", []),
            "facts": artifact.facts if artifact else {},
        }
        return {**row, "control": self.control} if self.control else row

    def _final_quality(self) -> dict[str, Any] | None:
        quality = quality_dict(self.quality or self.validation_quality)
        return None if quality is None else {**quality, "against": self.against}


def quality_dict(quality: Quality | None) -> dict[str, Any] | None:
    """Return a quality as JSON: the interval as a list."""
    return None if quality is None else {**asdict(quality), "ci95": list(quality.ci95)}
