"""The input embeddings of a model folder, and which words lie near a word in them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from compactor.augmentation.operations._choice import SIGNS
from compactor.augmentation.pieces import WholeWords
from compactor.base.errors import StageError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Names that the families give to the table of pieces.
TABLES = ("word_embeddings.weight", "embed_tokens.weight", "wte.weight", "shared.weight", "embeddings.weight", "table.weight")
WORDS_KEPT = 1 << 16


def read_table(folder: Path, pieces: int) -> np.ndarray:
    """Return the piece embeddings of a model folder, float32 (at least `pieces`, width), without building the model.

    Raises:
        StageError: A110 the folder has no safetensors file, or no table of that many pieces in it.
    """
    from safetensors import safe_open

    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            names = sorted(file.keys(), key=lambda name: (len(name), name))
            for ending in TABLES:
                for name in names:
                    shape = file.get_slice(name).get_shape() if name.endswith(ending) else []
                    if len(shape) == 2 and shape[0] >= pieces:
                        table: np.ndarray = file.get_tensor(name).float().numpy()
                        return table
    raise StageError(
        "A110", f"{folder} has no table of piece embeddings in a safetensors file", "name another model for the neighbours"
    )


class Neighbours:
    """Words near a word by the cosine of piece embeddings; a word of several pieces counts as their mean.

    Args:
        tokenizer: of the model.
        table: float32 (pieces, width), see `read_table`.
        count: neighbours of a word.
    """

    def __init__(self, tokenizer: Tokenizer, table: np.ndarray, count: int) -> None:
        self._words, self._table = WholeWords(tokenizer), table
        rows = table[self._words.numbers]
        self._directions = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        self._count = count
        self._found = lru_cache(maxsize=WORDS_KEPT)(self._find)

    def of(self, word: str) -> tuple[str, ...]:
        """Return the nearest words, nearest first; nothing for what is no word of letters."""
        bare = word.strip(SIGNS)
        return self._found(bare) if bare.isalpha() else ()

    def _find(self, word: str) -> tuple[str, ...]:
        pieces = [number for number in self._words.pieces_of(word) if number < len(self._table)]
        if not pieces:
            return ()
        return tuple(self._words.best(self._directions @ self._table[pieces].mean(axis=0), word, self._count))
