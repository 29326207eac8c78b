"""Exchange words.

What: two words at random places change places, `share` times the number of words, rounded, and once at least.
Source: random swap of EDA, Wei and Zou 2019 (arXiv:1901.11196), section 2, with n = share * words.
Neighbours: `drop` and `insert` change the number of words; this one changes their order alone, which a bag of words does not see.

Example:
    - swap: {share: 0.15}
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from compactor.augmentation.operations._contract import Change, Operation, Text
from compactor.base.settings import setting

if TYPE_CHECKING:
    from numpy.random import Generator

    from compactor.augmentation.corpus import Corpus


class Swap(Operation):
    """Exchange words."""

    share: float = setting(0.15, "exchanges for each word of the text; one is made at least", gt=0, le=1)

    def open(self, corpus: Corpus) -> Change:
        """Return the function."""
        del corpus
        return partial(swap, share=self.share)


def swap(text: Text, generator: Generator, *, share: float) -> Sequence[str]:
    """Return the same words in another order; a text of one word stays as it is."""
    words = list(text.words)
    if len(words) < 2:
        return words
    for _ in range(max(1, round(share * len(words)))):
        one = int(generator.integers(len(words)))
        other = int(generator.integers(len(words) - 1))
        other += other >= one
        words[one], words[other] = words[other], words[one]
    return words
