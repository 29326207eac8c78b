"""Tokenize rows once, into flat arrays that are memory-mapped later."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from compactor.base.errors import disk_error
from compactor.data.rows import Rows

if TYPE_CHECKING:
    import tokenizers

BLOCK_ROWS = 1000
CHARACTERS_PER_TOKEN = 64  # no real text needs so many: see `encode`


def encode(rows: Rows, tokenizer: tokenizers.Tokenizer, max_length: int, folder: Path) -> None:
    """Write the token ids of all rows, in blocks of 1,000 rows, so that memory does not grow with the rows.

    Texts are truncated to `max_length` tokens (of a pair, the longer sentence first). Before that each text is cut to
    `64 * max_length` characters: a text of 10 MB would otherwise be tokenized whole to keep its first 128 tokens. That changes
    nothing unless a text has more than 64 characters per token over its whole kept part, such as pages of blanks.

    Args:
        rows: one split.
        tokenizer: used as it is but for truncation and padding, which are set on a copy.
        max_length: most tokens of a row, special ones included.
        folder: made if it is not there. Left in it, the same bytes for the same rows: `ids.npy` int32, all rows end to end;
            `offsets.npy` int64 (n + 1,), where each row begins; `first.npy` int32 (n,), tokens of the first segment, special ones
            included (all tokens when there is no second); `labels.npy`, as `Rows.labels` has them. For rows with tags `labels.npy` is
            flat, int64 (words,), and beside it lie `word_offsets.npy` int64 (n + 1,), where each row's words begin, and `words.npy`
            int32, flat as ids: the number of the word in its row for the first token of a word, -1 for any other token.

    Raises:
        StageError: the disk is full.
    """
    import tokenizers as library

    if rows.tags is not None:
        from compactor.data.encoding_words import encode_words

        encode_words(rows, rows.tags, tokenizer, max_length, folder)
        return
    own = library.Tokenizer.from_str(tokenizer.to_str())
    own.no_padding()
    own.enable_truncation(max_length)
    most = CHARACTERS_PER_TOKEN * max_length
    lengths, first = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int32)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "ids.npy").open("wb") as stream:
            write_header(stream, 0)
            for start in range(0, len(rows), BLOCK_ROWS):
                stop = min(start + BLOCK_ROWS, len(rows))
                ids, lengths[start:stop], first[start:stop] = _encode_block(rows, own, most, start, stop)
                stream.write(ids.tobytes())
            stream.seek(0)
            write_header(stream, int(lengths.sum()))
        np.save(folder / "offsets.npy", np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]))
        np.save(folder / "first.npy", first)
        np.save(folder / "labels.npy", rows.labels)
    except OSError as error:
        raise disk_error(error, folder) from error


def _encode_block(
    rows: Rows, tokenizer: tokenizers.Tokenizer, most: int, start: int, stop: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ids end to end, the length of each row, and the length of its first segment."""
    texts, pairs = [text[:most] for text in rows.texts(start, stop)], rows.pairs(start, stop)
    given = texts if pairs is None else [(text, pair[:most]) for text, pair in zip(texts, pairs, strict=True)]
    encodings = tokenizer.encode_batch_fast(given)
    lengths = np.array([len(encoding) for encoding in encodings], dtype=np.int64)
    ids = np.fromiter((token for encoding in encodings for token in encoding.ids), dtype="<i4", count=int(lengths.sum()))
    second = np.array([sum(encoding.type_ids) for encoding in encodings] if pairs is not None else 0, dtype=np.int64)
    return ids, lengths, lengths - second


def write_header(stream: IO[bytes], length: int) -> None:
    """Write the header of a flat int32 .npy file; numpy pads it, so that it has one size for every length."""
    np.lib.format.write_array_header_1_0(stream, {"descr": "<i4", "fortran_order": False, "shape": (length,)})
