"""The docstring set as tables in the cache, and the further paragraphs of its training texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from compactor.base.atomic import fresh_folder
from compactor.base.reporter import Reporter
from compactor.data.columns import Columns
from compactor.data.docstrings import Docstrings, fingerprint_library, read_docstrings
from compactor.data.duplicates import text_keys
from compactor.data.labels import label_ids
from compactor.data.rows import Rows
from compactor.data.settings import BUILTIN
from compactor.data.table import VERSION, Raw, Table, load_table, write_table

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = Columns("text", None, "label")
BLOCK_ROWS = 4096


@dataclass(frozen=True)
class Builtin:
    """The set, opened.

    Attributes:
        tables: `train` and `test`.
        paragraphs: the other paragraphs of the training docstrings, with the same chapter as label.
        owners: int64, position in the train table of the text that each of them follows.
    """

    tables: dict[str, Table]
    paragraphs: Table
    owners: np.ndarray

    def further(self, labels: tuple[str, ...], positions: np.ndarray, taken: np.ndarray) -> Rows:
        """Return further paragraphs of some training texts, none of them equal to a text of any split, nor to each other.

        Args:
            labels: class names in id order.
            positions: of the training texts in the train table; docstrings set aside for validation give nothing.
            taken: `text_keys` of all splits.
        """
        rows = Rows(self.paragraphs.batches, label_ids(self.paragraphs, labels, "train"), np.arange(len(self.paragraphs)))
        keys = text_keys(rows)
        fresh = np.zeros(len(rows), dtype=bool)
        fresh[np.unique(keys, return_index=True)[1]] = True
        return rows.select(np.flatnonzero(fresh & np.isin(self.owners, positions) & ~np.isin(keys, taken)))


def open_builtin(cache: Path, reporter: Reporter) -> Builtin:
    """Open the docstring set from the cache, or read the standard library and keep it there."""
    folder = cache / f"{fingerprint_library()[:32]}-{VERSION}"
    if not folder.is_dir():
        reporter.say("reading the docstrings of Python's standard library")
        with fresh_folder(folder) as scratch:
            _build(scratch, read_docstrings())
    tables = {role: load_table(folder / role, BUILTIN) for role in ("train", "test")}
    return Builtin(tables, load_table(folder / "further", BUILTIN), np.load(folder / "owners.npy"))


def _build(folder: Path, docstrings: Docstrings) -> None:
    """Write the three tables and the owners of the further paragraphs."""
    is_test, chapters = docstrings.is_test, docstrings.chapters
    in_train = np.cumsum(~is_test) - 1
    further = [(owner, text) for owner, text in docstrings.further if not is_test[owner]]
    rows = {
        "train": [(text, chapter) for text, chapter, held in zip(docstrings.texts, chapters, is_test, strict=True) if not held],
        "test": [(text, chapter) for text, chapter, held in zip(docstrings.texts, chapters, is_test, strict=True) if held],
        "further": [(text, chapters[owner]) for owner, text in further],
    }
    for name, pairs in rows.items():
        (folder / name).mkdir()
        write_table(folder / name, BUILTIN, COLUMNS, Raw(_batches(pairs)))
    np.save(folder / "owners.npy", in_train[[owner for owner, _ in further]].astype(np.int64))


def _batches(rows: list[tuple[str, str]]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    for start in range(0, len(rows), BLOCK_ROWS):
        texts, labels = zip(*rows[start : start + BLOCK_ROWS], strict=True)
        yield pa.record_batch({"text": pa.array(texts, pa.large_string()), "label": pa.array(labels, pa.large_string())})
