"""Numbers that change while training goes on: weights and temperatures, given as a number or as `{from: 0.9, to: 0.5}`."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import ConfigDict, Field, model_validator

from compactor.base.settings import Settings


class Schedule(Settings):
    """A number that goes from one value to another while training goes on.

    `progress` is 0 at the first step and 1 at the last. Up to `since` the first value holds, from `until` on the second; a warm-up
    comes before both. With `shape: constant` there is nothing in between: the first value holds until `until`.

    Example:
        `weight: {from: 0.9, to: 0.5}` beside `weight: {from: 0.1, to: 0.5}` goes from the teacher towards the labels,
        `temperature: {from: 8, to: 2, shape: cosine, until: 0.5}` from soft to sharp,
        `weight: {from: 1, to: 1, warmup: 0.1}` spares a student whose first steps are wild (DKD's warm-up).
    """

    model_config = ConfigDict(populate_by_name=True)

    start: float = Field(alias="from", description="value at the beginning", ge=0)
    end: float = Field(alias="to", description="value at the end", ge=0)
    shape: Literal["linear", "cosine", "constant"] = Field("linear", description="how it goes from one to the other")
    since: float = Field(0.0, description="share of the training up to which the first value holds", ge=0, lt=1)
    until: float = Field(1.0, description="share of the training after which the end value holds", gt=0, le=1)
    warmup: float = Field(0.0, description="share of the training in which the first value is reached, from zero", ge=0, lt=1)

    @model_validator(mode="after")
    def _in_order(self) -> Schedule:
        if self.until <= max(self.since, self.warmup):
            raise ValueError("`until` must be more than `since` and than `warmup`")
        return self

    def at(self, progress: float) -> float:
        """Return the value at a progress between 0 and 1."""
        if progress < self.warmup:
            return self.start * progress / self.warmup
        begun = max(self.since, self.warmup)
        share = min(max((progress - begun) / (self.until - begun), 0.0), 1.0)
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
    if isinstance(value, Schedule):
        return 0.0 if value.warmup else min(value.start, value.end)
    return float(value)


def largest(value: float | Schedule) -> float:
    """Return the largest value that is ever used."""
    return max(value.start, value.end) if isinstance(value, Schedule) else float(value)
