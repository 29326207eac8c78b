"""Tokenized rows, memory-mapped, padded batches of them, and which answers of a split a batch gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from compactor.data.ragged import NO_LABEL, Ragged


class Encoded:
    """A folder written by `encode`.

    Args:
        folder: with ids, offsets, first and labels; for rows with tags also words and word_offsets.
        pad_id: token id that fills the end of shorter rows.
    """

    def __init__(self, folder: Path, pad_id: int) -> None:
        self._offsets: np.ndarray = np.load(folder / "offsets.npy")
        self._first: np.ndarray = np.load(folder / "first.npy")
        self._ids = _flat(folder / "ids.npy", int(self._offsets[-1]))
        self._pad_id = pad_id
        self._labels: np.ndarray = np.load(folder / "labels.npy")
        self._lengths: np.ndarray = np.diff(self._offsets)
        self._words = self._word_offsets = None
        if (folder / "words.npy").is_file():
            self._words = _flat(folder / "words.npy", int(self._offsets[-1]))
            self._word_offsets = np.load(folder / "word_offsets.npy")

    def __len__(self) -> int:
        return len(self._lengths)

    @property
    def labels(self) -> np.ndarray:
        """Labels of all rows as tasks take them, see `compactor.data.Rows.labels`."""
        if self._word_offsets is not None:
            return Ragged(self._labels, self._word_offsets).padded()
        return self._labels

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row, special ones included, int64 (n,)."""
        return self._lengths

    @property
    def answers(self) -> int:
        """How many answers a model gives to all rows: one a row, or one a word where words have tags."""
        return len(self._labels)

    def batch(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Return rows padded on the right to the longest of them.

        Args:
            indices: int (b,), positions of rows.

        Returns:
            `input_ids`, `attention_mask` and `token_type_ids` (0 in the first segment and in padding), int64 (b, longest);
            `labels`: one a row as in `labels`, or for tags int64 (b, longest), -100 but for the first token of each word.
        """
        indices = np.asarray(indices)
        mask, places = self._places(indices)
        input_ids = np.full(mask.shape, self._pad_id, dtype=np.int64)
        input_ids[mask] = self._ids[places]
        second = (np.arange(mask.shape[1])[None, :] >= self._first[indices, None]) & mask
        return {
            "input_ids": input_ids,
            "attention_mask": mask.astype(np.int64),
            "token_type_ids": second.astype(np.int64),
            "labels": self._labels[indices] if self._words is None else self._tags(indices),
        }

    def answer_rows(self, indices: np.ndarray) -> np.ndarray:
        """Return which of all answers these rows give: int64, the rows themselves, or their words that have a token, in order."""
        words = self._word_numbers(np.asarray(indices))
        return np.asarray(indices, dtype=np.int64) if words is None else words[words >= 0]

    def gather(self, output: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Return a batch's answers in the order of `answer_rows`: what a model gave as (b, outputs) or (b, longest, outputs)."""
        words = self._word_numbers(np.asarray(indices))
        return output if words is None else output[:, : words.shape[1]][words >= 0]

    def _tags(self, indices: np.ndarray) -> np.ndarray:
        words = self._word_numbers(indices)
        assert words is not None
        tags = np.full(words.shape, NO_LABEL, dtype=np.int64)
        tags[words >= 0] = self._labels[words[words >= 0]]
        return tags

    def _word_numbers(self, indices: np.ndarray) -> np.ndarray | None:
        """Return int64 (b, longest): for the first token of a word its number in the whole split, -1 elsewhere; None without words."""
        if self._words is None or self._word_offsets is None:
            return None
        mask, places = self._places(indices)
        words = np.full(mask.shape, -1, dtype=np.int64)
        words[mask] = self._words[places]
        return np.where(words >= 0, words + self._word_offsets[indices, None], -1)

    def _places(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where the batch has tokens, bool (b, longest), and where these lie in the flat arrays."""
        lengths = self._lengths[indices, None]
        columns = np.arange(int(lengths.max(initial=0)))[None, :]
        mask = columns < lengths
        return mask, (self._offsets[indices, None] + columns)[mask]


def _flat(path: Path, length: int) -> np.ndarray:
    """Map a flat array; numpy cannot map a file without data."""
    array: np.ndarray = np.load(path, mmap_mode="r" if length else None)
    return array
