"""Put words that fit in the place of words, by a masked language model.

What: each word is replaced with probability `share`, one at least, by one of its candidates, each as likely. The candidates of a word of
    one piece are the model's most likely whole words where it is hidden; of a word of several pieces, the nearest whole words in the
    model's embeddings (for which the source takes GloVe). Words without candidates (numbers, signs) stay.
Source: the data augmentation of TinyBERT, Jiao et al. 2020 (arXiv:1909.10351), section 3.3 and algorithm 1, with its p = 0.4, K = 15 and
    20 copies. The model reads the original text with one word hidden at a time, as there.
Neighbours: `neighbours` needs embeddings alone and is faster; `replace` takes any word.

Example:
    - masked: {model: models/bert-base-uncased, share: 0.4, candidates: 15}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.augmentation.operations._choice import put_one_of
from compactor.augmentation.operations._contract import Change, Operation, Text
from compactor.augmentation.operations._model_files import find_folder
from compactor.base.settings import setting
from compactor.models.finding import model_fingerprint

if TYPE_CHECKING:
    from numpy.random import Generator

    from compactor.augmentation.corpus import Corpus


class Masked(Operation):
    """Put words that fit in the place of words, by a masked language model."""

    model: str = setting(doc="a masked language model: a folder, or a hub id", examples=["models/bert-base-uncased"])
    share: float = setting(0.4, "how likely each word is replaced; one is at least", gt=0, le=1)
    candidates: int = setting(15, "words to choose from in each place", ge=1, le=1000)

    def missing(self, near: tuple[Path, ...]) -> Iterator[str]:
        """Yield why the folder is no masked language model."""
        from compactor.augmentation.masked_model import head_missing

        folder, reason = find_folder(self.model, near)
        if reason or (folder is not None and (reason := head_missing(folder))):
            yield reason

    def fingerprint(self, near: tuple[Path, ...]) -> dict[str, Any]:
        """Return what identifies the model's content."""
        return model_fingerprint(self.model, near)

    def key(self) -> dict[str, Any]:
        """Return the settings for the cache key; the model counts by its content, see `fingerprint`."""
        return {name: value for name, value in super().key().items() if name != "model"}

    def open(self, corpus: Corpus) -> Change:
        """Return the function; the model is loaded now, so that a wrong folder is told before any work."""
        from compactor.augmentation.masked_model import MaskedModel

        model = MaskedModel(corpus.find(self.model), self.candidates, corpus.threads)
        return partial(masked, share=self.share, candidates=model.candidates)


def masked(
    text: Text, generator: Generator, *, share: float, candidates: Callable[[Sequence[str]], Sequence[Sequence[str]]]
) -> Sequence[str]:
    """Return as many words, some of them replaced by one of their candidates."""
    return put_one_of(text.words, candidates(text.words), share, generator)
