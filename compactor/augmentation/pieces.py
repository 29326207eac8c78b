"""Which pieces of a vocabulary are whole words, and how they are written."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# What begins a word in byte-level BPE (RoBERTa, GPT-2) and in SentencePiece (XLM-R, ALBERT); WordPiece marks the others instead.
BYTES, SENTENCE_PIECE = "\u0120", "\u2581"
INNER = "##"


class WholeWords:
    """The pieces of a tokenizer that are words of letters by themselves.

    Args:
        tokenizer: of a WordPiece, byte-level BPE or SentencePiece model; in others no piece is marked as the begin of a word, and every
            piece of letters counts.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        pieces = tokenizer.get_vocab(with_added_tokens=True)
        special = {str(token.content) for token in tokenizer.get_added_tokens_decoder().values()}
        marks = (BYTES, SENTENCE_PIECE)
        begins = next((mark for mark in marks if sum(piece.startswith(mark) for piece in pieces) > 1), "")
        self.written: dict[int, str] = {}
        for piece, number in pieces.items():
            if piece in special or not piece.startswith(begins) or piece.startswith(INNER):
                continue
            word = _of_bytes(piece) if begins == BYTES else piece.removeprefix(begins)
            if word.isalpha():
                self.written[number] = word

    @cached_property
    def numbers(self) -> np.ndarray:
        """Ids of the whole words, int64, rising."""
        return np.array(sorted(self.written), dtype=np.int64)

    def pieces_of(self, word: str) -> list[int]:
        """Return the ids of a word's pieces, as it is read inside a text."""
        ids: list[int] = self.tokenizer.encode(f" {word}", add_special_tokens=False).ids
        return ids

    def best(self, scores: np.ndarray, word: str, count: int) -> list[str]:
        """Return the words with the highest scores, best first, without the word itself.

        Args:
            scores: float (vocabulary,) or, for the whole words alone in the order of `numbers`, float (words,).
            word: is left out, whatever its case.
            count: at most so many.
        """
        scores = scores if len(scores) == len(self.numbers) else scores[self.numbers]
        wanted = min(len(scores), count + 8)
        if not wanted:
            return []
        order = np.argpartition(-scores, wanted - 1)[:wanted]
        order = order[np.lexsort((order, -scores[order]))]
        words = dict.fromkeys(self.written[int(self.numbers[place])] for place in order)
        return [other for other in words if other.casefold() != word.casefold()][:count]


def _of_bytes(piece: str) -> str:
    """Return what a byte-level piece says; each of its characters stands for a byte, and bytes of a part of a letter are no letter."""
    from tokenizers.decoders import ByteLevel

    said: str = ByteLevel().decode([piece])
    return said.removeprefix(" ")
