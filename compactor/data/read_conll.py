"""Read tagged words as CoNLL writes them: one word a line with its tag in the last column, an empty line between sentences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from compactor.base.errors import DataError, Place
from compactor.data.columns import Columns
from compactor.data.read import check_encoding
from compactor.data.source import Source
from compactor.data.table import Raw

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_ROWS = 4096
DOCUMENT = "-DOCSTART-"  # CoNLL-2003 begins each document with a line of this word
Sentence = tuple[list[str], list[str]]


def read_conll(source: Source, columns: Columns) -> Raw:
    """Stream a file of tagged words; columns between the word and the tag (part of speech, chunk) are not read.

    Columns are parted by blanks or tabs. Lines that begin with `#` and a blank where a sentence begins (CoNLL-U's comments), and
    CoNLL-2003's document marks, are skipped.

    Raises:
        DataError: D101 the task reads no tags, D102 a column of groups is wanted, D104 a word has no tag, D103 bytes that are not UTF-8.
    """
    assert source.path is not None
    if columns.kind != "tags":
        sentence = f"data.{source.role}: {source.name} holds tagged words, which this task does not read"
        raise DataError("D101", sentence, "use csv, tsv, json, jsonl or parquet, or set task: token-classification")
    if columns.group is not None:
        sentence = f"{source.name} holds tagged words and no column {columns.group!r}"
        raise DataError("D102", sentence, "leave data.group out, or use json, jsonl or parquet")
    return Raw(_batches(source, source.path, columns))


def _batches(source: Source, path: Path, columns: Columns) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    kind, label = pa.list_(pa.large_string()), columns.label
    assert label is not None
    waiting: list[Sentence] = []

    def batch() -> pa.RecordBatch:
        words, tags = zip(*waiting, strict=True)
        return pa.record_batch({columns.text: pa.array(words, kind), label: pa.array(tags, kind)})

    try:
        for sentence in _sentences(source, path):
            waiting.append(sentence)
            if len(waiting) == BLOCK_ROWS:
                yield batch()
                waiting = []
    except UnicodeDecodeError as error:
        check_encoding(path, source.name)
        raise DataError("D103", f"{source.name} is not UTF-8", "save the file as UTF-8") from error
    if waiting:
        yield batch()


def _sentences(source: Source, path: Path) -> Iterator[Sentence]:
    words: list[str] = []
    tags: list[str] = []
    with path.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, start=1):
            cells = line.split()
            if cells and cells[0] != DOCUMENT and (words or not line.startswith("# ")):
                if len(cells) < 2:
                    sentence = f"the word {cells[0][:40]!r} has no tag"
                    raise DataError("D104", sentence, "write a word, a blank, its tag", Place(source.name, number, 1))
                words.append(cells[0])
                tags.append(cells[-1])
            elif words and not cells:
                yield words, tags
                words, tags = [], []
    if words:
        yield words, tags
