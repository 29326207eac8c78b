"""One thing that a person should know about an artifact, a measurement or a machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["note", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """A code, how bad it is, a sentence, what to do, and where it was seen."""

    code: str
    severity: Severity
    sentence: str
    hint: str
    place: str = ""

    def __post_init__(self) -> None:
        if not self.hint:
            raise ValueError(f"finding {self.code} has no hint: say what to do")

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form kept in records."""
        return asdict(self)
