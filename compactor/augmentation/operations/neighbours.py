"""Put words of like meaning in the place of words, by piece embeddings.

What: each word that has neighbours is replaced with probability `share`, one at least, by one of its nearest words by cosine, each as
    likely. A word of several pieces lies at the mean of their embeddings.
Source: the word replacement of Wang and Yang 2015 (EMNLP, "That's so annoying!!!"), section 3, with the input embeddings of the teacher
    or of a named model instead of word2vec.
Neighbours: `masked` also looks at the words around; this one costs no model run.

Example:
    - neighbours: {share: 0.3, candidates: 10}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.augmentation.operations._choice import put_one_of
from compactor.augmentation.operations._contract import Change, Operation, Text
from compactor.augmentation.operations._model_files import find_folder
from compactor.base.errors import StageError
from compactor.base.settings import setting
from compactor.models.finding import model_fingerprint

if TYPE_CHECKING:
    from numpy.random import Generator

    from compactor.augmentation.corpus import Corpus


class NearWords(Operation):
    """Put words of like meaning in the place of words, by piece embeddings."""

    model: str | None = setting(None, "whose embeddings: a model folder, or a hub id; by default the teacher's")
    share: float = setting(0.3, "how likely each word is replaced; one is at least", gt=0, le=1)
    candidates: int = setting(10, "words to choose from in each place", ge=1, le=1000)

    def missing(self, near: tuple[Path, ...]) -> Iterator[str]:
        """Yield why there is no such folder."""
        folder, reason = find_folder(self.model, near) if self.model is not None else (None, "")
        if folder is not None and not (folder / "config.json").is_file():
            reason = f"{folder} is no model folder: it has no config.json"
        if reason:
            yield reason

    def fingerprint(self, near: tuple[Path, ...]) -> dict[str, Any]:
        """Return what identifies the model's content; the teacher's is in the key already."""
        return {} if self.model is None else model_fingerprint(self.model, near)

    def key(self) -> dict[str, Any]:
        """Return the settings for the cache key; the model counts by its content, see `fingerprint`."""
        return {name: value for name, value in super().key().items() if name != "model"}

    def open(self, corpus: Corpus) -> Change:
        """Return the function; the table is read now."""
        from compactor.augmentation.piece_table import Neighbours, read_table
        from compactor.models.tokenizer import load_tokenizer

        folder = corpus.teacher if self.model is None else corpus.find(self.model)
        if folder is None:
            raise StageError("A113", "neighbours: the teacher has no embeddings", "name a model in its settings")
        tokenizer = load_tokenizer(folder)
        table = read_table(folder, tokenizer.get_vocab_size(with_added_tokens=False))
        return partial(near_words, share=self.share, near=Neighbours(tokenizer, table, self.candidates).of)


def near_words(text: Text, generator: Generator, *, share: float, near: Callable[[str], Sequence[str]]) -> Sequence[str]:
    """Return as many words, some of them replaced by a neighbour."""
    return put_one_of(text.words, [near(word) for word in text.words], share, generator)
