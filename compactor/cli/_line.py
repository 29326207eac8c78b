"""One line of `compactor doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Line:
    """One thing looked at: its state, what was found, and what to type or choose when it is not well."""

    state: Literal["ok", "note", "error"]
    about: str
    found: str
    remedy: str = ""

    def __post_init__(self) -> None:
        if self.state != "ok" and not self.remedy:
            raise ValueError(f"{self.about} is not well: say what to do")
