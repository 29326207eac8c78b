"""Axes: from values to pixels, linear or logarithmic, with round ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass

LOG_FROM = 6.0  # a range wider than this many times is drawn on a logarithmic axis


@dataclass(frozen=True)
class Scale:
    """Maps values between `low` and `high` to pixels between `start` and `stop`; pixels may run downwards."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        low, high, at = (math.log(number) if self.log else number for number in (self.low, self.high, value))
        return self.start + (self.stop - self.start) * (at - low) / (high - low)

    def ticks(self, most: int = 6) -> list[float]:
        """Return round values inside the axis: 1, 2, 2.5, 5 times a power of ten, or 1, 2, 5 a decade when logarithmic."""
        if self.log:
            return _log_ticks(self.low, self.high, most)
        step = _round_step((self.high - self.low) / max(1, most - 1))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(number * step, 12) for number in range(first, last + 1)]


def fitted(values: list[float], start: float, stop: float, inset: float, *, log_allowed: bool = False) -> Scale:
    """Return a scale that holds all values with `inset` pixels free at both ends."""
    low, high = min(values), max(values)
    log = log_allowed and low > 0 and high / low > LOG_FROM
    if log:
        low, high = math.log(low), math.log(high)
    if high - low < 1e-9:
        pad = abs(high) * 0.1 or 1.0
        low, high = low - pad, high + pad
    room = abs(stop - start)
    pad = (high - low) * inset / max(room - 2 * inset, room / 4)
    low, high = low - pad, high + pad
    return Scale(math.exp(low), math.exp(high), start, stop, log=True) if log else Scale(low, high, start, stop)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough * (1 - 1e-9))


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        found = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
        if len(found) <= most:
            break
    return found
