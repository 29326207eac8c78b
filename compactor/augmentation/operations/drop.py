"""Leave words out.

What: each word goes with probability `share`; one goes at least, and one stays.
Source: random deletion of EDA, Wei and Zou 2019 (arXiv:1901.11196), section 2; `share` is its p. There the label is kept, which forbids
    large shares; here the teacher answers the new text, so more may go.
Neighbours: `insert` is its opposite; `swap` keeps all words.

Example:
    - drop: {share: 0.2}
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from compactor.augmentation.operations._choice import some
from compactor.augmentation.operations._contract import Change, Operation, Text
from compactor.base.settings import setting

if TYPE_CHECKING:
    from numpy.random import Generator

    from compactor.augmentation.corpus import Corpus


class Drop(Operation):
    """Leave words out."""

    share: float = setting(0.2, "how likely each word goes; one goes at least, and one stays", gt=0, lt=1)

    def open(self, corpus: Corpus) -> Change:
        """Return the function."""
        del corpus
        return partial(drop, share=self.share)


def drop(text: Text, generator: Generator, *, share: float) -> Sequence[str]:
    """Return the words that stay, in order; a text of one word stays as it is."""
    count = len(text.words)
    if count < 2:
        return text.words
    gone = some(count, share, generator)
    if gone.all():
        gone[generator.integers(count)] = False
    return [word for word, leaves in zip(text.words, gone, strict=True) if not leaves]
