"""Which single characters a smaller vocabulary keeps: all, those of the scripts that the texts are written in, or those used."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Literal

import numpy as np

from compactor.pruning.wordpiece import WordPieceFile

Characters = Literal["all", "scripts", "used"]
# Of the letters of the train texts: a script with less than this is a stray letter, a name or a formula, and not the texts' own.
LEAST_OF_A_SCRIPT = 1e-3


def characters_to_keep(file: WordPieceFile, counts: np.ndarray, characters: Characters) -> np.ndarray:
    """Return the ids of the characters that must stay, int64, ascending."""
    if characters == "all":
        return file.characters
    special = set(file.special.tolist())
    names = {number: piece for piece, number in file.pieces.items()}
    spelt: Counter[str] = Counter()
    for number in np.flatnonzero(counts):
        if int(number) not in special:
            for character in names[int(number)].removeprefix(file.prefix):
                spelt[character] += int(counts[number])
    wanted = set(spelt)
    if characters == "scripts":
        scripts = _scripts(spelt)
        single = (names[int(number)].removeprefix(file.prefix) for number in file.characters)
        wanted |= {character for character in single if character.isascii() or _script(character) in scripts}
    places = (file.pieces.get(piece) for character in sorted(wanted) for piece in (character, file.prefix + character))
    return np.array(sorted(number for number in places if number is not None), dtype=np.int64)


def _scripts(spelt: Counter[str]) -> set[str]:
    """Return the scripts of the texts: those that make a thousandth of their letters or more."""
    letters: Counter[str] = Counter()
    for character, count in spelt.items():
        if script := _script(character):
            letters[script] += count
    return {script for script, count in letters.items() if count >= LEAST_OF_A_SCRIPT * letters.total()}


def _script(character: str) -> str:
    """Return the script of a letter or a mark on one, by the first word of its Unicode name; nothing for digits, signs and the like.

    >>> _script("é"), _script("ж"), _script("7")
    ('LATIN', 'CYRILLIC', '')
    """
    return unicodedata.name(character, "").partition(" ")[0] if unicodedata.category(character)[0] in "LM" else ""
