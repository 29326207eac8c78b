"""Tokenize rows of words, and note which token begins which word: tags belong to words, answers to tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.errors import disk_error
from compactor.data.ragged import Ragged
from compactor.data.rows import Rows

if TYPE_CHECKING:
    import tokenizers

BLOCK_ROWS = 1000


def encode_words(rows: Rows, tags: Ragged, tokenizer: tokenizers.Tokenizer, max_length: int, folder: Path) -> None:
    """Write token ids, the word that each token begins, and the tags; see `compactor.data.encode` for the files.

    A word is told by its first token, as in Devlin et al. 2019 (arXiv:1810.04805), section 5.3. Words that are cut off, and words
    of which the tokenizer leaves nothing (a control character), have no token; their answers stay 0.

    Args:
        rows: one split, with tags.
        tags: of these rows.
        tokenizer: used as it is but for truncation and padding, which are set on a copy.
        max_length: most tokens of a row, special ones included.
        folder: made if it is not there.

    Raises:
        StageError: the disk is full.
    """
    from compactor.data.encoding import write_header

    own = words_tokenizer(tokenizer, max_length)
    lengths = np.zeros(len(rows), np.int64)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "ids.npy").open("wb") as ids, (folder / "words.npy").open("wb") as words:
            for stream in (ids, words):
                write_header(stream, 0)
            for start in range(0, len(rows), BLOCK_ROWS):
                # A word has one token at least, unless it is of nothing but what the tokenizer drops.
                given = [row[: 2 * max_length] for row in rows.words(start, start + BLOCK_ROWS)]
                encodings = own.encode_batch(given, is_pretokenized=True)
                lengths[start : start + len(given)] = [len(encoding) for encoding in encodings]
                ids.write(_flat([encoding.ids for encoding in encodings]))
                words.write(_flat([first_tokens(encoding.word_ids) for encoding in encodings]))
            for stream in (ids, words):
                stream.seek(0)
                write_header(stream, int(lengths.sum()))
        np.save(folder / "offsets.npy", np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]))
        np.save(folder / "first.npy", lengths.astype(np.int32))
        np.save(folder / "labels.npy", tags.values)
        np.save(folder / "word_offsets.npy", tags.offsets)
    except OSError as error:
        raise disk_error(error, folder) from error


def words_tokenizer(tokenizer: tokenizers.Tokenizer, max_length: int) -> tokenizers.Tokenizer:
    """Return a copy that reads lists of words: truncating, not padding, and with a blank before every word where blanks count.

    Byte-level tokenizers (RoBERTa, GPT-2) take the blank as part of a word; without it every word would look glued to the one before.
    """
    import tokenizers as library

    described: dict[str, Any] = json.loads(tokenizer.to_str())
    put_blank_first(described)
    own = library.Tokenizer.from_str(json.dumps(described))
    own.no_padding()
    own.enable_truncation(max_length)
    return own


def put_blank_first(described: dict[str, Any]) -> bool:
    """Let the tokenizer of a tokenizer.json put a blank before a text without one, in place; return whether blanks count for it."""
    byte_level = [part for part in _parts(described.get("pre_tokenizer")) if part.get("type") == "ByteLevel"]
    for part in byte_level:
        part["add_prefix_space"] = True
    return bool(byte_level)


def first_tokens(word_ids: list[int | None]) -> list[int]:
    """Return the number of the word that each token begins, -1 for tokens that begin none; ascending where not -1."""
    before: list[int | None] = [None, *word_ids[:-1]]
    return [-1 if word is None or word == last else word for word, last in zip(word_ids, before, strict=True)]


def _parts(described: Any) -> list[dict[str, Any]]:
    """Return a pre-tokenizer and those inside it."""
    if not isinstance(described, dict):
        return []
    return [described, *(part for each in described.get("pretokenizers", []) for part in _parts(each))]


def _flat(rows: list[list[int]]) -> bytes:
    return np.fromiter((value for row in rows for value in row), dtype="<i4", count=sum(map(len, rows))).tobytes()
