"""How the labels of a source are written into its table: codes for names, floats for numbers, lists of codes for sets and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.errors import DataError
from compactor.data.columns import Columns, as_label_names
from compactor.data.label_columns import as_label_lists, as_numbers
from compactor.data.ragged import Ragged

if TYPE_CHECKING:
    import pyarrow as pa

MOST_LABELS = 10_000


class LabelWriter:
    """Turns the label column of batch after batch into the table's.

    Args:
        columns: which column, and what kind of labels it has.
        place: name of the source, for messages.
    """

    def __init__(self, columns: Columns, place: str) -> None:
        self.columns, self.place = columns, place
        self.codebook = _Codebook(place)

    def type(self) -> Any:
        """Return the Arrow type of the table's label column."""
        import pyarrow as pa

        return {"class": pa.int32(), "number": pa.float32(), "vector": pa.float32()}.get(
            self.columns.kind, pa.list_(pa.int32())
        )

    def encode(self, column: pa.Array, rows_before: int, words: np.ndarray | None = None) -> pa.Array:
        """Return the labels of one batch as the table has them.

        Args:
            column: the source's label column.
            rows_before: rows of the source before this batch.
            words: int64 (n + 1,), where the words of each row begin; a row must have as many tags.

        Raises:
            DataError: see `label_columns`; D112 words and tags of a row are not equally many; D113 a set has a label twice.
        """
        import pyarrow as pa

        name = self.columns.label
        assert name is not None
        if self.columns.kind in {"number", "vector"}:
            return as_numbers(column, name, self.place, rows_before + 1)
        if self.columns.kind == "class":
            names = as_label_names(column, name, self.place, rows_before + 1)
            return self.codebook.encode(names, np.arange(rows_before + 1, rows_before + 1 + len(names)))
        names, offsets = as_label_lists(column, name, self.place, rows_before + 1, self.columns.separator)
        if words is not None:
            self._check_words(words, offsets, rows_before)
        rows = rows_before + 1 + np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        codes = self.codebook.encode(names, rows)
        if self.columns.kind == "classes":
            self._check_once(codes.to_numpy(), rows)
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), codes)

    def _check_words(self, words: np.ndarray, tags: np.ndarray, rows_before: int) -> None:
        wrong = np.flatnonzero(np.diff(words) != np.diff(tags))
        if len(wrong):
            row = int(wrong[0])
            counts = f"{int(np.diff(words)[row])} words and {int(np.diff(tags)[row])} tags"
            raise DataError("D112", f"{self.place}, row {rows_before + row + 1} has {counts}", "give each word one tag")

    def _check_once(self, codes: np.ndarray, rows: np.ndarray) -> None:
        """Refuse a set that has a label twice: most such lists have a 0 or 1 for each label, and would be read as the labels 0 and 1."""
        _, first, times = np.unique(np.stack([rows, codes]), axis=1, return_index=True, return_counts=True)
        if (times > 1).any():
            place = int(first[times > 1][0])
            name = list(self.codebook.first_rows)[int(codes[place])]
            raise DataError(
                "D113",
                f"{self.place}, row {int(rows[place])}: {self.columns.label!r} names the label {name!r} twice",
                "name each label that the row has once; of a list with a 0 or 1 for every label, write the names of those with 1",
            )

    def facts(self) -> dict[str, list[Any]]:
        """Return the names in order of their codes, and the number of the first row with each of them."""
        return {"label_names": list(self.codebook.first_rows), "first_rows": list(self.codebook.first_rows.values())}


def read_labels(batches: tuple[pa.RecordBatch, ...], kind: str) -> np.ndarray | Ragged:
    """Return the label column of a table: int32 codes (n,), float32 numbers (n, 1), or codes by row."""
    columns = [batch.column("label") for batch in batches]
    if kind == "class":
        return np.concatenate([np.zeros(0, np.int32), *(column.to_numpy() for column in columns)])
    if kind in {"number", "vector"}:
        return np.concatenate([np.zeros(0, np.float32), *(column.to_numpy() for column in columns)])[:, None]
    values, lengths = [np.zeros(0, np.int64)], [np.zeros(1, np.int64)]
    for column in columns:
        offsets = column.offsets.to_numpy().astype(np.int64)
        values.append(column.values.to_numpy()[offsets[0] : offsets[-1]])
        lengths.append(np.diff(offsets))
    return Ragged(np.concatenate(values), np.cumsum(np.concatenate(lengths)))


class _Codebook:
    """Gives each label name a code, in order of first appearance."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.first_rows: dict[str, int] = {}

    def encode(self, names: pa.Array, rows: np.ndarray) -> pa.Array:
        """Return int32 codes of one batch of names; `rows` are the numbers of their rows, ascending."""
        import pyarrow as pa

        coded = names.dictionary_encode()
        positions = coded.indices.to_numpy()
        distinct, first = np.unique(positions, return_index=True)
        table = np.zeros(len(coded.dictionary), dtype=np.int32)
        codes = {name: code for code, name in enumerate(self.first_rows)}
        for place_in_batch, index in sorted(zip(first, distinct, strict=True)):
            name = coded.dictionary[int(index)].as_py()
            if name not in codes:
                codes[name] = len(codes)
                self.first_rows[name] = int(rows[place_in_batch])
            table[index] = codes[name]
        if len(codes) > MOST_LABELS:
            raise DataError(
                "D108",
                f"{self.place} has more than {MOST_LABELS:,} different labels in its first {int(rows[-1]):,} rows",
                "is data.label the right column?",
            )
        return pa.array(table[positions])
