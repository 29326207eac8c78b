"""What an operation on a text is. Light: numpy is named in annotations only."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.settings import Settings

if TYPE_CHECKING:
    from numpy.random import Generator

    from compactor.augmentation.corpus import Corpus
    from compactor.tasks import Task


@dataclass(frozen=True)
class Text:
    """One text that is to be changed.

    Attributes:
        words: as `compactor.augmentation.words.split` cuts them.
        row: its number in the training rows; None for a text without label.
        second: it is the second sentence of a pair.
    """

    words: tuple[str, ...]
    row: int | None = None
    second: bool = False


Change = Callable[[Text, "Generator"], Sequence[str]]


class Operation(Settings):
    """One way to make a new text of a given one: its options, and `open`, which gives the function that does it.

    The function takes a text and a generator and returns words; the same text and the same state of the generator give the same
    words. How often an operation is chosen is not its business: `weight` stands beside its options and belongs to the list.
    """

    def unfit(self, task: Task) -> Iterator[str]:
        """Yield, as sentences, why it cannot serve this task."""
        yield from ()

    def missing(self, near: tuple[Path, ...]) -> Iterator[str]:
        """Yield, as sentences, what is wrong with the files it names; asked when the files of a profile are checked."""
        yield from ()

    def fingerprint(self, near: tuple[Path, ...]) -> dict[str, Any]:
        """Return content hashes of what it names outside the profile; part of the cache key."""
        return {}

    @abstractmethod
    def open(self, corpus: Corpus) -> Change:
        """Return the function; what it needs of the training texts or of a model is read here or at first use."""
