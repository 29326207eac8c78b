"""Changed copies of rows: which operation, on which side of a pair, told by seed, row and copy alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from compactor.augmentation.operations import Change, Text
from compactor.augmentation.words import join, split
from compactor.data import Rows

Sides = Literal["one", "both", "first", "second"]
# An operation may leave a text as it is (a swap of two equal words); then another is tried, this often.
TRIES = 3


@dataclass
class Copier:
    """Makes copies; the same for the same seed, row and copy, in whatever blocks the rows come.

    Attributes:
        changes: name, weight and function of each operation.
        copies: of each row.
        at_once: operations on one copy, one after the other.
        sides: which sentences of a pair are changed; `one` draws a side for each copy.
        seed: numbers that start the generator of a copy, before the numbers of its row and of itself.
        made: how many copies each operation had a part in.
    """

    changes: Sequence[tuple[str, float, Change]]
    copies: int
    at_once: int = 1
    sides: Sides = "one"
    seed: tuple[int, ...] = (0,)
    made: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        weights = np.array([weight for _, weight, _ in self.changes])
        self._ends = np.cumsum(weights / weights.sum()) if len(weights) else weights

    def block(
        self, rows: Rows, start: int, stop: int, *, labelled: bool = True, wanted: np.ndarray | None = None
    ) -> tuple[list[str], list[str] | None]:
        """Return the copies of rows start to stop, those of one row together: texts, and second sentences for pairs.

        Args:
            rows: what is copied.
            start: number of the first row.
            stop: number after the last.
            labelled: they are training rows, whose number tells operations their class.
            wanted: which of all rows are copied, bool (all rows,); None for each.
        """
        texts, pairs = rows.texts(start, stop), rows.pairs(start, stop)
        made: list[tuple[str, str | None]] = []
        for place, text in enumerate(texts):
            row = start + place
            if wanted is not None and not wanted[row]:
                continue
            given = [Text(tuple(split(text)), row if labelled else None)]
            if pairs is not None:
                given.append(Text(tuple(split(pairs[place])), row if labelled else None, second=True))
            made += [self._copy(given, row, copy) for copy in range(self.copies)]
        return [first for first, _ in made], None if pairs is None else [str(second) for _, second in made]

    def _copy(self, given: Sequence[Text], row: int, copy: int) -> tuple[str, str | None]:
        """Return one copy of a text, or of a pair."""
        generator = np.random.default_rng([*self.seed, row, copy])
        sides = [0] if len(given) == 1 else self._sides(generator)
        words = [list(text.words) for text in given]
        for side in sides:
            for _ in range(self.at_once):
                words[side] = self._change(Text(tuple(words[side]), given[side].row, given[side].second), generator)
        return join(words[0]), join(words[1]) if len(given) > 1 else None

    def _sides(self, generator: np.random.Generator) -> list[int]:
        return {"first": [0], "second": [1], "both": [0, 1]}.get(self.sides) or [int(generator.integers(2))]

    def _change(self, text: Text, generator: np.random.Generator) -> list[str]:
        """Apply one operation, drawn by weight."""
        for _ in range(TRIES):
            name, _weight, change = self.changes[int(np.searchsorted(self._ends, generator.random(), side="right"))]
            words = list(change(text, generator))
            if words and tuple(words) != text.words:
                self.made[name] += 1
                return words
        return list(text.words)


def in_blocks(count: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of consecutive blocks."""
    for start in range(0, count, size):
        yield start, min(start + size, count)
