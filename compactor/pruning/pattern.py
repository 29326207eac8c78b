"""How many weights become zero, and where zeros may lie. Light: a profile is checked with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Method = Literal["sparsegpt", "wanda", "magnitude"]
PATTERN = re.compile(r"^([1-9][0-9]*):([1-9][0-9]*)$")


@dataclass(frozen=True)
class Sparsity:
    """What share of the weights becomes zero, and whether every few neighbours must have equally many.

    Attributes:
        share: of the weights that become zero, above 0 and below 1.
        group: 0 where zeros may lie anywhere; else among every `group` neighbouring inputs of a row the same number is zero (n:m).
    """

    share: float
    group: int = 0

    @classmethod
    def read(cls, pattern: str) -> Sparsity | None:
        """Return what `n:m` means, at most n of every m inputs stay, as in 2:4; None when it is no such pattern."""
        found = PATTERN.match(pattern)
        stay, group = map(int, found.groups()) if found else (0, 0)
        return cls((group - stay) / group, group) if 0 < stay < group else None

    def zeros(self, weights: int) -> int:
        """Return how many of so many weights become zero."""
        return round(self.share * weights)
