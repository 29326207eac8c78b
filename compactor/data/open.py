"""Open what a profile names: three splits, the label names, and what should be known about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from compactor.base.errors import DataError
from compactor.base.finding import Finding
from compactor.base.hashing import hash_value
from compactor.base.reporter import Reporter
from compactor.data.builtin import open_builtin
from compactor.data.columns import Columns
from compactor.data.duplicates import text_keys
from compactor.data.findings import describe
from compactor.data.fingerprint import find_sources, fingerprint_source
from compactor.data.groups import joined, table_groups
from compactor.data.labels import label_names, labels_of
from compactor.data.ragged import Ragged
from compactor.data.rows import Rows
from compactor.data.sentences import rows_of_units, unit_keys
from compactor.data.settings import BUILTIN, DIGITS, DataSettings
from compactor.data.source import Source, offline
from compactor.data.split import strata, stratified_split
from compactor.data.table import VERSION, Raw, Table, open_table


@dataclass(frozen=True)
class Data:
    """The splits of one profile.

    Attributes:
        train, validation, test: rows; `test` is None when the profile names none.
        labels: class names in id order; for numbers, the name of their column.
        fingerprint: hash of all rows and names.
        pair: rows have a second sentence.
        findings: what should be known before trusting a figure.
    """

    train: Rows
    validation: Rows
    test: Rows | None
    labels: tuple[str, ...]
    fingerprint: str
    pair: bool
    findings: tuple[Finding, ...]


def open_data(
    settings: DataSettings,
    *,
    near: tuple[Path, ...],
    seed: int,
    cache: Path,
    online: bool,
    reporter: Reporter,
    kind: str = "class",
) -> Data:
    """Open the splits; sources are read once and kept in the cache as memory-mapped Arrow files.

    Args:
        settings: the `data` part of a profile.
        near: folders against which relative paths are resolved, first match wins.
        seed: decides the validation split and which rows `limit` takes.
        cache: folder for the Arrow files; what lies there is found again by content.
        online: the user allowed the network.
        reporter: is told when a source is read for the first time.
        kind: what the labels are: the task's `label_kind`.

    Raises:
        DataError: see the table in `compactor.data`.
        MissingError: a package or the network is needed.
    """
    library = open_builtin(cache, reporter) if settings.source == BUILTIN else None
    tables = _tables(settings, kind, near, cache, online, reporter) if library is None else library.tables
    labels = _names(tables["train"], settings, kind)
    rows = {role: _rows(table, _labels(table, labels, role, kind)) for role, table in tables.items()}
    generator = np.random.default_rng(seed)
    size = 2 if kind == "vector" and settings.text_pair else 1  # rows that stay together: the two texts of a pair
    positions = np.arange(len(rows["train"]) // size)
    if settings.limit is not None and settings.limit < len(positions):
        positions = np.sort(generator.permutation(positions)[: settings.limit])
        rows["train"] = rows["train"].select(rows_of_units(positions, size))
    keys = {role: text_keys(split) for role, split in rows.items()}
    if isinstance(settings.validation, float):
        together = unit_keys(keys["train"], size)
        if settings.group is not None:
            together = joined(together, table_groups(tables["train"])[::size][positions])
        train, held = stratified_split(strata(rows["train"].labels[::size]), together, settings.validation, generator)
        positions = positions[train]
        train, held = rows_of_units(train, size), rows_of_units(held, size)
        rows |= {"train": rows["train"].select(train), "validation": rows["train"].select(held)}
        keys |= {"train": keys["train"][train], "validation": keys["train"][held]}
    splits: dict[str, Rows] = {role: rows[role] for role in ("train", "validation", "test") if role in rows}
    findings = [
        *describe(splits, keys, labels, sum(table.empty for table in tables.values())),
        *_limited(settings, tables["train"]),
    ]
    if library is not None and settings.extra:
        splits["train"] = splits["train"].join(library.further(labels, positions, np.concatenate(list(keys.values()))))
    return _data(splits, labels, findings)


def _data(splits: dict[str, Rows], labels: tuple[str, ...], findings: list[Finding]) -> Data:
    fingerprint = hash_value({"labels": labels, "splits": {role: rows.fingerprint for role, rows in splits.items()}})
    train, pair = splits["train"], splits["train"].pair
    return Data(train, splits["validation"], splits.get("test"), labels, fingerprint, pair, tuple(findings))


def _names(table: Table, settings: DataSettings, kind: str) -> tuple[str, ...]:
    """Return the names of the labels; a number has the name of its column, an embedding none."""
    return {"number": (settings.label,), "vector": ()}[kind] if kind in {"number", "vector"} else label_names(table)


def _labels(table: Table, names: tuple[str, ...], role: str, kind: str) -> np.ndarray | Ragged:
    """Return the labels of a table; of a builtin set whose texts alone are wanted, none."""
    if kind == "vector" and table.kind != "vector":
        return np.full((len(table), 1), np.nan, dtype=np.float32)
    return labels_of(table, names, role)


def _rows(table: Table, labels: np.ndarray | Ragged) -> Rows:
    return Rows(table.batches, labels, np.arange(len(table)))


def _limited(settings: DataSettings, table: Table) -> list[Finding]:
    if settings.limit is None or settings.limit >= len(table):
        return []
    sentence = f"data.limit takes {settings.limit:,} of {len(table):,} training rows"
    return [Finding("D208", "warning", sentence, "drop data.limit for figures that count")]


def _tables(
    settings: DataSettings, kind: str, near: tuple[Path, ...], cache: Path, online: bool, reporter: Reporter
) -> dict[str, Table]:
    """Open each source the settings name, from the cache if it was read before."""
    if settings.source == DIGITS:
        from compactor.data.digits import open_digits

        found = open_digits(cache, reporter)
        return {role: _image_table(source, settings, near, cache, online, reporter) for role, source in found.items()}
    label = None if kind == "vector" and settings.text_pair is None else settings.label
    columns = Columns(settings.text, settings.text_pair, label, kind, settings.separator)
    tables = {}
    for role, source in find_sources(settings, near).items():
        if settings.image is not None or source.kind == "images":
            if settings.group is not None:
                raise DataError("D102", f"{source.name} is a folder of images, without columns", "leave data.group out")
            tables[role] = _image_table(source, settings, near, cache, online, reporter)
            continue
        taken = replace(columns, group=settings.group if role == "train" else None)
        folder = cache / hash_value({"source": source.fingerprint, "columns": taken.key, "version": VERSION})[:32]
        if source.kind == "hub" and not folder.is_dir() and not online:
            raise offline(source)
        tables[role] = open_table(folder, source.name, taken, _reader(source, taken, cache, online, reporter))
    return tables


def _image_table(
    source: Source, settings: DataSettings, near: tuple[Path, ...], cache: Path, online: bool, reporter: Reporter
) -> Table:
    """Open a source of images; the table holds their paths, so that a folder that has moved is read anew."""
    from compactor.data.read_images import IMAGES, read_images

    if source.path is None:
        raise DataError(
            "D101", f"data.{source.role}: {source.name} is of the hub, whose images have no paths", "save them to a folder"
        )
    image = settings.image or ""
    content = fingerprint_source(source, settings.image, near)
    parts = {"images": content, "at": str(source.path.resolve()), "column": image, "label": settings.label, "version": VERSION}

    def read() -> Raw:
        reporter.say(f"reading the images of {source.name}")
        return read_images(source, image, settings.label, near, cache=cache, online=online)

    return open_table(cache / hash_value(parts)[:32], source.name, IMAGES, read)


def _reader(source: Source, columns: Columns, cache: Path, online: bool, reporter: Reporter) -> Callable[[], Raw]:
    def read() -> Raw:
        from compactor.data.read import read_source

        reporter.say(f"reading {source.name}")
        return read_source(source, columns, cache=cache, online=online)

    return read
