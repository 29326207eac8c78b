"""A text as words and back: cut at blanks, and at every character of scripts that are written without blanks."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Thai, Lao and Khmer; kana; Han with its extension A and its compatibility forms. Korean is written with blanks.
UNSPACED = "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")
_UNSPACED = re.compile(rf"[{UNSPACED}]")


def split(text: str) -> list[str]:
    """Return the words of a text, punctuation left where it stands: `Where is it?` is `Where`, `is`, `it?`."""
    return _WORD.findall(text)


def join(words: Sequence[str]) -> str:
    """Return words as a text: one blank between two, none where one of them is a character of a script without blanks."""
    text = ""
    for before, word in zip(["", *words], words, strict=False):
        touching = not before or _UNSPACED.match(word) or _UNSPACED.match(before[-1])
        text += word if touching else f" {word}"
    return text
