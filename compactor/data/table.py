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
from compactor.data.columns import Columns, as_text
from compactor.data.label_columns import as_words
from compactor.data.label_writer import LabelWriter, read_labels
from compactor.data.ragged import Ragged
from compactor.data.sentences import one_text_a_row

if TYPE_CHECKING:
    import pyarrow as pa

ROWS, FACTS = "rows.arrow", "facts.json"
VERSION = 2  # of the layout and of the reading; part of the cache key


@dataclass(frozen=True)
class Table:
    """One source, normalised.

    Attributes:
        place: name of the source, for messages.
        batches: record batches that lie in a memory-mapped file: `text` and, for pairs, `pair`, large strings without nulls; the words
            of a row with tags are parted by U+001F; of an image the text is its content's hash, and `place` its path; `group` where rows
            have one.
        kind: what the labels are, see `Columns`.
        codes: position of each row's label in `label_names`, int32 (n,); several a row for `classes` and `tags`; the numbers
            themselves, float32 (n, 1), for `number`.
        label_names: labels as written, in order of their first row; none for numbers.
        first_rows: number of the first row with each of them, from 1.
        class_names: names and order that the source itself declares (a ClassLabel feature), or empty.
        empty: rows without any text.
    """

    place: str
    batches: tuple[pa.RecordBatch, ...]
    kind: str
    codes: np.ndarray | Ragged
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
    kind = facts.get("kind", "class")
    codes = read_labels(batches, kind)
    if len(codes) != facts["rows"]:
        raise ValueError(f"{folder} has {len(codes)} rows, not {facts['rows']}")
    names, first_rows = tuple(facts["label_names"]), tuple(facts["first_rows"])
    return Table(place, batches, kind, codes, names, first_rows, tuple(facts["class_names"]), facts["empty"])


def write_table(folder: Path, place: str, columns: Columns, raw: Raw) -> None:
    """Stream a source into an Arrow file, one batch in memory at a time."""
    import pyarrow as pa

    labels = LabelWriter(columns, place)
    further: tuple[str, ...] = ("pair",) if columns.text_pair is not None and columns.kind != "vector" else ()
    further += tuple(name for name in ("place", "group") if getattr(columns, name) is not None)
    schema = _schema(labels, ("text", *further))
    row, written, empty = 0, 0, 0
    with pa.OSFile(str(folder / ROWS), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in raw.batches:
            if not batch.num_rows:
                continue
            parts, words = _texts(batch, columns, place, row + 1)
            empty += _count_empty(parts)
            if columns.group is not None:
                parts["group"] = as_text(batch.column(columns.group), columns.group, place, row + 1)
            if columns.label is not None:
                parts["label"] = labels.encode(batch.column(columns.label), row, words)
            if columns.kind == "vector":
                parts = one_text_a_row(parts)
            writer.write_batch(pa.record_batch(parts, schema=schema))
            row, written = row + batch.num_rows, written + len(parts["text"])
    if not row:
        raise DataError("D105", f"{place} has no rows", "a first line with the column names, then one row a line")
    facts: dict[str, Any] = {"rows": written, "empty": empty, "class_names": list(raw.class_names), "kind": columns.kind}
    write_json(folder / FACTS, facts | labels.facts())


def _texts(
    batch: pa.RecordBatch, columns: Columns, place: str, first_row: int
) -> tuple[dict[str, pa.Array], np.ndarray | None]:
    """Return the text columns of a batch, and where each row's words begin if it has words."""
    if columns.kind == "tags":
        text, words = as_words(batch.column(columns.text), columns.text, place, first_row)
        return {"text": text}, words
    parts = {"text": as_text(batch.column(columns.text), columns.text, place, first_row)}
    if columns.text_pair:
        parts["pair"] = as_text(batch.column(columns.text_pair), columns.text_pair, place, first_row)
    if columns.place:
        parts["place"] = as_text(batch.column(columns.place), columns.place, place, first_row)
    return parts, None


def _schema(labels: LabelWriter, names: tuple[str, ...]) -> pa.Schema:
    """Return the schema of a table file."""
    import pyarrow as pa

    return pa.schema([*(pa.field(name, pa.large_string()) for name in names), pa.field("label", labels.type())])


def _count_empty(parts: dict[str, pa.Array]) -> int:
    """Count rows in which one of the texts is blank."""
    import pyarrow.compute as pc

    blank = [pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(column)), 0) for column in parts.values()]
    return int(pc.sum(blank[0] if len(blank) == 1 else pc.or_(*blank)).as_py())
