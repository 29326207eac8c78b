"""A masked language model that is asked which words would fit in the place of each word of a text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from compactor.augmentation.operations._choice import SIGNS
from compactor.augmentation.piece_table import Neighbours
from compactor.augmentation.pieces import WholeWords
from compactor.base.errors import StageError

TEXTS_KEPT = 4
MOST_AT_ONCE = 64


def head_missing(folder: Path) -> str:
    """Say why a folder is no masked language model, by its config.json alone; empty when it says that it is one."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return f"{folder} is no model folder: config.json is not there or broken"
    built = config.get("architectures") or []
    if not any("MaskedLM" in name or "ForPreTraining" in name for name in built):
        return f"{folder} is a {' '.join(built) or 'model'}: it has no head that predicts masked words"
    return ""


class MaskedModel:
    """Candidates for every word of a text.

    A word of one piece is hidden behind the mask piece, alone, and the model's most likely whole words are its candidates; words of
    several pieces get neighbours in the model's own embeddings. All variants of a text go through the model in batches of their own,
    so that a text's candidates do not depend on its neighbours.

    Args:
        folder: a masked language model, in safetensors.
        count: candidates for each word.
        threads: cores that torch may use.

    Raises:
        StageError: A111 the folder is no masked language model; A112 its tokenizer has no mask piece.
    """

    def __init__(self, folder: Path, count: int, threads: int = 1) -> None:
        import torch

        from compactor.models.tokenizer import load_tokenizer, mask_id, max_length

        torch.set_num_threads(threads)
        self._tokenizer, self._length = load_tokenizer(folder), max_length(folder)
        self._words = WholeWords(self._tokenizer)
        mask = mask_id(folder)
        if mask is None or "mask" not in str(self._tokenizer.id_to_token(mask)).lower():
            raise StageError("A112", f"the tokenizer in {folder} has no mask piece", "name another masked language model")
        self._mask: int = mask
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = _load(folder).to(self._device)
        table = self._model.get_input_embeddings().weight.detach().float().cpu().numpy()
        self._neighbours = Neighbours(self._tokenizer, table, count)
        self._count = count
        # Copies of one text are asked for one after the other.
        self._kept = lru_cache(maxsize=TEXTS_KEPT)(self._find)

    def candidates(self, words: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """Return the candidates for each word, best first; none for what is no word of letters."""
        return self._kept(tuple(words))

    def _find(self, words: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        encoding = self._encode(words)
        places: dict[int, list[int]] = {}
        for place, (word, kind) in enumerate(zip(encoding.word_ids, encoding.special_tokens_mask, strict=True)):
            if word is not None and not kind and str(self._tokenizer.id_to_token(encoding.ids[place]))[-1:].isalnum():
                places.setdefault(word, []).append(place)
        found = [self._neighbours.of(word) for word in words]
        single = [(word, spots[0]) for word, spots in places.items() if len(spots) == 1 and words[word].strip(SIGNS).isalpha()]
        for start in range(0, len(single), MOST_AT_ONCE):
            asked = single[start : start + MOST_AT_ONCE]
            scores = self._scores(encoding, [place for _, place in asked])
            for (word, _), row in zip(asked, scores, strict=True):
                found[word] = tuple(self._words.best(row, words[word].strip(SIGNS), self._count))
        return tuple(found)

    def _encode(self, words: tuple[str, ...]) -> Any:
        """Return the pieces of a text and the word that each belongs to, cut to what the model can read.

        The blank before a word is handed along: byte-level vocabularies have other pieces for words that follow one.
        """
        given = [f" {word}" if place else word for place, word in enumerate(words)]
        encoding = self._tokenizer.encode(given, is_pretokenized=True)
        encoding.truncate(self._length)
        return encoding

    def _scores(self, encoding: Any, places: list[int]) -> np.ndarray:
        """Return the model's logits at each place with that place hidden, float32 (places, vocabulary)."""
        import torch

        ids = torch.tensor(encoding.ids).repeat(len(places), 1)
        rows = torch.arange(len(places))
        ids[rows, torch.tensor(places)] = self._mask
        with torch.inference_mode():
            ids = ids.to(self._device)
            logits = self._model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
            scores: np.ndarray = logits[rows, torch.tensor(places)].float().cpu().numpy()
        return scores


def _load(folder: Path) -> Any:
    """Return the model, refusing one whose head would be made of random numbers."""
    import torch
    from transformers import AutoModelForMaskedLM

    from compactor.models.quiet import quiet_transformers

    sentence = head_missing(folder)
    missing: list[str] = []
    if not sentence:
        try:
            with quiet_transformers():
                model, info = AutoModelForMaskedLM.from_pretrained(
                    folder, local_files_only=True, use_safetensors=True, output_loading_info=True
                )
        except Exception as error:  # safetensors and transformers raise many kinds for damaged files
            text = (str(error).splitlines() or [type(error).__name__])[0][:200]
            raise StageError("A111", f"{folder} cannot be read: {text}", "copy the checkpoint again") from error
        missing = sorted(info["missing_keys"])
        sentence = f"{folder} lacks weights of its head: {missing[0]}" if missing else ""
    if sentence:
        raise StageError("A111", sentence, "name a masked language model, such as bert-base-uncased")
    return model.to(torch.float32).eval().requires_grad_(False)
