"""Rows of one source in a memory-mapped Arrow file: text, second sentence, label code; made once and kept in the cache."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.atomic import fresh_folder, read_json, write_json
from compactor.base.errors import DataError, StageError
from compactor.data.columns import Columns, as_label_names, as_text
from compactor.data.labels import MOST_LABELS

if TYPE_CHECKING:
    import pyarrow as pa

ROWS, FACTS = "rows.arrow", "facts.json"
VERSION = 1  # of the layout and of the reading; part of the cache key


@dataclass(frozen=True)
class Table:
    """One source, normalised.

    Attributes:
        place: name of the source, for messages.
        batches: record batches that lie in a memory-mapped file: `text` and, for pairs, `pair`, large strings without nulls.
        codes: int32 (n,), position of each row's label in `label_names`.
        label_names: labels as written, in order of their first row.
        first_rows: number of the first row with each of them, from 1.
        class_names: names and order that the source itself declares (a ClassLabel feature), or empty.
        empty: rows without any text.
    """

    place: str
    batches: tuple[pa.RecordBatch, ...]
    codes: np.ndarray
    label_names: tuple[str, ...]
    first_rows: tuple[int, ...]
    class_names: tuple[str, ...]
    empty: int

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(frozen=True)
class Raw:
    """What a reader gives: batches with the named columns, any types, and the class names if the source declares them."""

    batches: Iterator[pa.RecordBatch]
    class_names: tuple[str, ...] = ()


def open_table(folder: Path, place: str, columns: Columns, read: Callable[[], Raw]) -> Table:
    """Open a table from the cache, or read the source, write the table and open it.

    Args:
        folder: of this table in the cache; absent, or complete.
        place: name of the source, for messages.
        columns: which to take.
        read: opens the source; called only when the cache has nothing (or something unreadable).
    """
    import pyarrow as pa

    if folder.is_dir():
        try:
            return load_table(folder, place)
        except (OSError, ValueError, KeyError, pa.ArrowInvalid):
            shutil.rmtree(folder, ignore_errors=True)
    try:
        with fresh_folder(folder) as scratch:
            write_table(scratch, place, columns, read())
    except StageError:
        # Another run may have made the same table in the meantime; else the disk is full, say.
        if not (folder / FACTS).is_file():
            raise
    return load_table(folder, place)


def load_table(folder: Path, place: str) -> Table:
    """Open a finished table folder; raises OSError, ValueError, KeyError or ArrowInvalid when it is damaged."""
    import pyarrow as pa

    facts = read_json(folder / FACTS)
    reader = pa.ipc.open_file(pa.memory_map(str(folder / ROWS)))
    batches = tuple(reader.get_batch(number) for number in range(reader.num_record_batches))
    codes = np.concatenate([np.zeros(0, np.int32), *(batch.column("label").to_numpy() for batch in batches)])
    if len(codes) != facts["rows"]:
        raise ValueError(f"{folder} has {len(codes)} rows, not {facts['rows']}")
    names, first_rows = tuple(facts["label_names"]), tuple(facts["first_rows"])
    return Table(place, batches, codes, names, first_rows, tuple(facts["class_names"]), facts["empty"])


def write_table(folder: Path, place: str, columns: Columns, raw: Raw) -> None:
    """Stream a source into an Arrow file, one batch in memory at a time."""
    import pyarrow as pa

    schema = _schema(pair=columns.text_pair is not None)
    codebook, row, empty = _Codebook(place), 0, 0
    with pa.OSFile(str(folder / ROWS), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in raw.batches:
            if not batch.num_rows:
                continue
            parts = {"text": as_text(batch.column(columns.text), columns.text, place, row + 1)}
            if columns.text_pair:
                parts["pair"] = as_text(batch.column(columns.text_pair), columns.text_pair, place, row + 1)
            empty += _count_empty(parts)
            parts["label"] = codebook.encode(as_label_names(batch.column(columns.label), columns.label, place, row + 1), row)
            writer.write_batch(pa.record_batch(parts, schema=schema))
            row += batch.num_rows
    if not row:
        raise DataError("D105", f"{place} has no rows", "a first line with the column names, then one row a line")
    facts: dict[str, Any] = {"rows": row, "empty": empty, "class_names": list(raw.class_names)}
    write_json(
        folder / FACTS, facts | {"label_names": list(codebook.first_rows), "first_rows": list(codebook.first_rows.values())}
    )


def _schema(*, pair: bool) -> pa.Schema:
    """Return the schema of a table file."""
    import pyarrow as pa

    names = ("text", "pair") if pair else ("text",)
    return pa.schema([*(pa.field(name, pa.large_string()) for name in names), pa.field("label", pa.int32())])


def _count_empty(parts: dict[str, pa.Array]) -> int:
    """Count rows in which one of the texts is blank."""
    import pyarrow.compute as pc

    blank = [pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(column)), 0) for column in parts.values()]
    return int(pc.sum(blank[0] if len(blank) == 1 else pc.or_(*blank)).as_py())


class _Codebook:
    """Gives each label name a code, in order of first appearance."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.first_rows: dict[str, int] = {}

    def encode(self, names: pa.Array, rows_before: int) -> pa.Array:
        """Return int32 codes of one batch of names."""
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
                self.first_rows[name] = rows_before + int(place_in_batch) + 1
            table[index] = codes[name]
        if len(codes) > MOST_LABELS:
            raise DataError(
                "D108",
                f"{self.place} has more than {MOST_LABELS:,} different labels in its first {rows_before + len(names):,} rows",
                "is data.label the right column?",
            )
        return pa.array(table[positions])
