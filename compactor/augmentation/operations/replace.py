"""Put other words of the training texts in the place of words.

What: each word is replaced with probability `share`, one at least, by a word drawn from the training texts as often as it occurs there.
Source: the unigram noise of Xie et al. 2017 (arXiv:1703.02573), section 3.1.
Neighbours: `neighbours` and `masked` take a word that fits; this one takes any, needs no model, and shows the student which words do not
    matter to the teacher.

Example:
    - replace: {share: 0.2}
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from compactor.augmentation.operations._choice import some
from compactor.augmentation.operations._contract import Change, Operation, Text
from compactor.base.settings import setting

if TYPE_CHECKING:
    from numpy.random import Generator

    from compactor.augmentation.corpus import Corpus


class Replace(Operation):
    """Put other words of the training texts in the place of words."""

    share: float = setting(0.2, "how likely each word is replaced; one is at least", gt=0, le=1)

    def open(self, corpus: Corpus) -> Change:
        """Return the function."""
        return partial(replace, share=self.share, draw=corpus.draw_word)


def replace(text: Text, generator: Generator, *, share: float, draw: Callable[[Generator], str]) -> Sequence[str]:
    """Return as many words, some of them drawn anew."""
    chosen = some(len(text.words), share, generator)
    return [draw(generator) if hit else word for word, hit in zip(text.words, chosen, strict=True)]
