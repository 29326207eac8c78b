"""Which words of a text are touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def some(count: int, share: float, generator: np.random.Generator) -> np.ndarray:
    """Return which of `count` words are touched, bool (count,): each with probability `share`, and one at least."""
    chosen: np.ndarray = generator.random(count) < share
    if count and not chosen.any():
        chosen[generator.integers(count)] = True
    return chosen
