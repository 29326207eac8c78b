"""Mistype words.

What: each word gets one typing error with probability `share`, one word at least: a neighbouring key (QWERTY, letters only), two letters
    exchanged, one left out, one doubled, or its case turned round.
Source: the noise of Belinkov and Bisk 2018 (arXiv:1711.02173), section 3.2 (swap, key), and of Pruthi et al. 2019 (arXiv:1905.11268),
    section 2 (drop, add).
Neighbours: the other operations change words; this one changes letters, so the tokenizer falls back to smaller pieces, as it does for
    what people really type. Texts that differ in case alone count as equal and are dropped, so `case` counts only beside another change.

Example:
    - typos: {share: 0.15, kinds: [key, exchange, omit, double]}
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from compactor.augmentation.operations._choice import some
from compactor.augmentation.operations._contract import Change, Operation, Text
from compactor.base.settings import setting

if TYPE_CHECKING:
    from numpy.random import Generator

    from compactor.augmentation.corpus import Corpus

Kind = Literal["key", "exchange", "omit", "double", "case"]
KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


class Typos(Operation):
    """Mistype words."""

    share: float = setting(0.15, "how likely each word gets an error; one does at least", gt=0, le=1)
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)] = setting(
        ("key", "exchange", "omit", "double"), "errors to choose from: key, exchange, omit, double, case"
    )

    def open(self, corpus: Corpus) -> Change:
        """Return the function."""
        del corpus
        return partial(typos, share=self.share, kinds=self.kinds)


def typos(text: Text, generator: Generator, *, share: float, kinds: Sequence[Kind]) -> Sequence[str]:
    """Return as many words, some of them mistyped; a word in which an error is not possible stays as it is."""
    chosen = some(len(text.words), share, generator)
    words = []
    for word, hit in zip(text.words, chosen, strict=True):
        kind = kinds[int(generator.integers(len(kinds)))] if hit else None
        words.append(word if kind is None else mistype(word, kind, generator))
    return words


def mistype(word: str, kind: Kind, generator: Generator) -> str:
    """Return a word with one error of this kind."""
    if kind == "case":
        return word.swapcase()
    if kind == "key":
        places = [place for place, letter in enumerate(word) if letter.lower() in NEIGHBOURS]
        if not places:
            return word
        place = places[int(generator.integers(len(places)))]
        near = NEIGHBOURS[word[place].lower()]
        letter = near[int(generator.integers(len(near)))]
        return word[:place] + (letter.upper() if word[place].isupper() else letter) + word[place + 1 :]
    if len(word) < 2:
        return word
    place = int(generator.integers(len(word) - (kind == "exchange")))
    if kind == "exchange":
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    return word[:place] + (word[place] * 2 if kind == "double" else "") + word[place + 1 :]


def _neighbours() -> dict[str, str]:
    """Return the letters beside, above and below each letter of a QWERTY keyboard, whose rows stand half a key apart."""
    found = {}
    for number, row in enumerate(KEYS):
        for place, letter in enumerate(row):
            above = KEYS[number - 1][place : place + 2] if number else ""
            below = KEYS[number + 1][max(0, place - 1) : place + 1] if number + 1 < len(KEYS) else ""
            found[letter] = row[max(0, place - 1) : place] + row[place + 1 : place + 2] + above + below
    return found


NEIGHBOURS = _neighbours()
