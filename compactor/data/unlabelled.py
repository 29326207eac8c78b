"""Texts without labels that a profile names in `data.unlabelled`: opened only by the stage that uses them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from compactor.base.atomic import fresh_folder
from compactor.base.errors import DataError
from compactor.base.hashing import hash_value
from compactor.base.reporter import Reporter
from compactor.data.columns import Columns, as_text
from compactor.data.dataset import ROWS, DatasetWriter, read_dataset
from compactor.data.rows import Rows
from compactor.data.settings import DataSettings
from compactor.data.source import Source, find_source, offline

VERSION = 1  # of the reading; part of the key in the cache


def fingerprint_unlabelled(settings: DataSettings, *, near: tuple[Path, ...]) -> str:
    """Return the hash of the content of `data.unlabelled`; empty when none is named.

    It is not part of the data's own fingerprint, so that a teacher and all that was made without these texts stay valid.
    """
    return "" if settings.unlabelled is None else find_source(settings.unlabelled, "unlabelled", near).fingerprint


def open_unlabelled(
    settings: DataSettings, *, near: tuple[Path, ...], cache: Path, online: bool, reporter: Reporter
) -> Rows | None:
    """Return the texts of `data.unlabelled` as rows without labels, None when the profile names none.

    Args:
        settings: the `data` part of a profile; the columns `text` and `text_pair` are read, `label` need not be there.
        near: folders against which relative paths are resolved, first match wins.
        cache: folder for the Arrow file; what lies there is found again by content.
        online: the user allowed the network.
        reporter: is told when the source is read for the first time.

    Raises:
        DataError: see the table in `compactor.data`.
        MissingError: a package or the network is needed.
    """
    if settings.unlabelled is None:
        return None
    source = find_source(settings.unlabelled, "unlabelled", near)
    columns = Columns(settings.text, settings.text_pair, None)
    parts = {"unlabelled": source.fingerprint, "text": columns.text, "pair": columns.text_pair, "version": VERSION}
    folder = cache / hash_value(parts)[:32]
    if source.kind == "hub" and not folder.is_dir() and not online:
        raise offline(source)
    if not (folder / ROWS).is_file():
        reporter.say(f"reading {source.name}")
        with fresh_folder(folder) as scratch:
            _write(source, columns, scratch, cache, online=online)
    return read_dataset(folder, np.zeros(0, np.int64))


def _write(source: Source, columns: Columns, folder: Path, cache: Path, *, online: bool) -> None:
    """Stream the text columns of a source into the Arrow file."""
    from compactor.data.read import read_source

    row = 0
    with DatasetWriter(folder, pair=columns.text_pair is not None) as writer:
        for batch in read_source(source, columns, cache=cache, online=online).batches:
            cells = [
                as_text(batch.column(name), name, source.name, row + 1).to_pylist()
                for name in (columns.text, columns.text_pair)
                if name is not None
            ]
            writer.write(*cells)
            row += batch.num_rows
    if not row:
        raise DataError("D105", f"{source.name} has no rows", "a first line with the column names, then one row a line")
