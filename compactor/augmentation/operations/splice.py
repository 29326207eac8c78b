"""Put the beginning of a text and the end of another together.

What: a text is cut at a random place, so is another training text; the first part of the one is followed by the last part of the other.
Source: the crossover of Luque 2019 (arXiv:1909.11241), section 3.1, there between texts of one class, since the label was kept. Here the
    teacher answers, so the other text may be of any class: texts between two classes are where a student learns the border.
Neighbours: the other operations stay near one text; this one walks between two.

Example:
    - splice: {partner: any}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

from compactor.augmentation.operations._contract import Change, Operation, Text
from compactor.base.settings import setting

if TYPE_CHECKING:
    from numpy.random import Generator

    from compactor.augmentation.corpus import Corpus
    from compactor.tasks import Task

# Draws before a text of another class is given up: with two classes, half of the draws miss.
TRIES = 32


class Splice(Operation):
    """Put the beginning of a text and the end of another together."""

    partner: Literal["any", "same", "other"] = setting("any", "the other text: any, of the same class, or of another class")

    def unfit(self, task: Task) -> Iterator[str]:
        """Yield why it cannot serve this task: classes are asked for, and the labels are none."""
        if self.partner != "any" and getattr(task, "label_kind", "class") != "class":
            yield f"splice: partner {self.partner!r} asks for classes, and the labels of {task.name} are none"

    def open(self, corpus: Corpus) -> Change:
        """Return the function."""
        return partial(splice, other=partial(_partner, corpus=corpus, kind=self.partner))


def splice(text: Text, generator: Generator, *, other: Callable[[Text, Generator], Sequence[str]]) -> Sequence[str]:
    """Return the first words of a text, one at least, and the last words of another, one at least."""
    partner = other(text, generator)
    if not text.words or not partner:
        return text.words
    head, tail = int(generator.integers(len(text.words))) + 1, int(generator.integers(len(partner)))
    return [*text.words[:head], *partner[tail:]]


def _partner(text: Text, generator: Generator, *, corpus: Corpus, kind: str) -> Sequence[str]:
    """Draw the other text: the same sentence of the pair in another row. A text without label takes any."""
    row = corpus.draw_row(generator, like=text.row if kind == "same" else None)
    if kind == "other" and text.row is not None:
        labels = corpus.labels
        for _ in range(TRIES):
            if labels[row] != labels[text.row]:
                break
            row = corpus.draw_row(generator)
    return corpus.words(row, second=text.second)
