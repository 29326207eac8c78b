"""Which words of a text are touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# Stripped before a word is looked up.
SIGNS = ".,;:!?\"'()[]"


def some(count: int, share: float, generator: np.random.Generator) -> np.ndarray:
    """Return which of `count` words are touched, bool (count,): each with probability `share`, and one at least."""
    chosen: np.ndarray = generator.random(count) < share
    if count and not chosen.any():
        chosen[generator.integers(count)] = True
    return chosen


def put_one_of(
    words: Sequence[str], candidates: Sequence[Sequence[str]], share: float, generator: np.random.Generator
) -> list[str]:
    """Return the words, each that has candidates replaced by one of them with probability `share`, and one at least.

    Signs before and after a word stay where they are: `card?` becomes `visa?`.
    """
    places = [place for place, others in enumerate(candidates) if others]
    changed = list(words)
    for place, hit in zip(places, some(len(places), share, generator), strict=True):
        if hit:
            others = candidates[place]
            bare = words[place].strip(SIGNS)
            changed[place] = words[place].replace(bare, others[int(generator.integers(len(others)))], 1)
    return changed
