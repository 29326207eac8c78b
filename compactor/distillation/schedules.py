"""Numbers that change while training goes on: weights and temperatures, given as a number or as `{from: 0.9, to: 0.5}`."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import ConfigDict, Field

from compactor.base.settings import Settings


class Schedule(Settings):
    """A number that goes from one value to another while training goes on.

    `progress` is 0 at the first step and 1 at the last. With `shape: constant` the first value holds until `until` and the second
    after it; with the others the second value is reached at `until`.

    Example:
        `weight: {from: 0.9, to: 0.5}`, `temperature: {from: 8, to: 2, shape: cosine, until: 0.5}`
    """

    model_config = ConfigDict(populate_by_name=True)

    start: float = Field(alias="from", description="value at the beginning", ge=0)
    end: float = Field(alias="to", description="value at the end", ge=0)
    shape: Literal["linear", "cosine", "constant"] = Field("linear", description="how it goes from one to the other")
    until: float = Field(1.0, description="share of the training after which the end value holds", gt=0, le=1)

    def at(self, progress: float) -> float:
        """Return the value at a progress between 0 and 1."""
        share = min(max(progress / self.until, 0.0), 1.0)
        if self.shape == "constant":
            share = float(share >= 1.0)
        elif self.shape == "cosine":
            share = (1.0 - math.cos(math.pi * share)) / 2.0
        return self.start + (self.end - self.start) * share


def value_at(value: float | Schedule, progress: float) -> float:
    """Return a number, or what a schedule says at this progress."""
    return value.at(progress) if isinstance(value, Schedule) else float(value)


def smallest(value: float | Schedule) -> float:
    """Return the smallest value that is ever used."""
    return min(value.start, value.end) if isinstance(value, Schedule) else float(value)
