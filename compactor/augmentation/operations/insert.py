"""Put words of the training texts between the words.

What: `share` times the number of words, rounded and one at least, are drawn from the training texts and put at random places.
Source: random insertion of EDA, Wei and Zou 2019 (arXiv:1901.11196), section 2, with words of the texts' own distribution instead of
    synonyms from a thesaurus.
Neighbours: `drop` is its opposite.

Example:
    - insert: {share: 0.15}
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from compactor.augmentation.operations._contract import Change, Operation, Text
from compactor.base.settings import setting

if TYPE_CHECKING:
    from numpy.random import Generator

    from compactor.augmentation.corpus import Corpus


class Insert(Operation):
    """Put words of the training texts between the words."""

    share: float = setting(0.15, "new words for each word of the text; one is put in at least", gt=0, le=1)

    def open(self, corpus: Corpus) -> Change:
        """Return the function."""
        return partial(insert, share=self.share, draw=corpus.draw_word)


def insert(text: Text, generator: Generator, *, share: float, draw: Callable[[Generator], str]) -> Sequence[str]:
    """Return the words in their order, with new ones between."""
    words = list(text.words)
    for _ in range(max(1, round(share * len(text.words)))):
        words.insert(int(generator.integers(len(words) + 1)), draw(generator))
    return words
