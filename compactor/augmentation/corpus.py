"""The training texts as a source of words and of other texts, read from the memory-mapped rows when asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np

from compactor.augmentation.words import split
from compactor.data import Rows

BLOCK_ROWS = 4096
MOST_WORDS = 200_000


class Corpus:
    """What operations may draw from: training rows only, never those of validation or test.

    Args:
        rows: the training rows.
        find: gives the folder of a model that a profile names.
        teacher: folder of the teacher, for its piece embeddings; None when it has none.
        threads: cores that a model may use.
    """

    def __init__(
        self, rows: Rows, *, find: Callable[[str], Path] = Path, teacher: Path | None = None, threads: int = 1
    ) -> None:
        self.rows, self.find, self.teacher, self.threads = rows, find, teacher, threads

    def words(self, row: int, *, second: bool = False) -> list[str]:
        """Return the words of one row's text, or of its second sentence."""
        texts = self.rows.pairs(row, row + 1) if second else self.rows.texts(row, row + 1)
        return split(texts[0]) if texts else []

    def draw_row(self, generator: np.random.Generator, *, like: int | None = None) -> int:
        """Return the number of a random row; with `like`, of one that has the label of that row."""
        if like is None:
            return int(generator.integers(len(self.rows)))
        order, starts = self._by_label
        label = int(self.labels[like])
        return int(order[generator.integers(starts[label], starts[label + 1])])

    def draw_word(self, generator: np.random.Generator) -> str:
        """Return a word of the training texts, as often as it occurs there."""
        words, ends = self._counts
        return words[int(np.searchsorted(ends, generator.random() * ends[-1], side="right"))]

    @cached_property
    def labels(self) -> np.ndarray:
        """Labels of the training rows."""
        return self.rows.labels

    @cached_property
    def _counts(self) -> tuple[list[str], np.ndarray]:
        """The most frequent words and the running sum of their counts; in an order that depends on the texts alone."""
        counted: Counter[str] = Counter()
        for start in range(0, len(self.rows), BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, len(self.rows))
            for text in [*self.rows.texts(start, stop), *(self.rows.pairs(start, stop) or ())]:
                counted.update(split(text))
        kept = sorted(counted, key=lambda word: (-counted[word], word))[:MOST_WORDS] or [""]
        return kept, np.cumsum([max(1, counted[word]) for word in kept])

    @cached_property
    def _by_label(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows in the order of their labels, and where each label begins."""
        labels = self.labels
        order = np.argsort(labels, kind="stable")
        return order, np.searchsorted(labels[order], np.arange(int(labels.max(initial=0)) + 2))
