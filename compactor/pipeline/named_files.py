"""The files that a profile names: where they are looked for, and whether they and their columns are there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from compactor.base.errors import CompactorError, Problem
from compactor.base.suggest import did_you_mean
from compactor.data.source import find_source
from compactor.pipeline.reader import Places

if TYPE_CHECKING:
    from compactor.data import DataSettings
    from compactor.pipeline.steps import Step

DELIMITERS = {".csv": ",", ".tsv": "\t"}
HUB_MODEL = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
LONGEST_HEADER = 1 << 16


def near_folders(profile: Path) -> tuple[Path, ...]:
    """Return the folders against which a profile's relative paths are resolved: here, $COMPACTOR_DATA, beside the profile."""
    named = os.environ.get("COMPACTOR_DATA")
    folders = [Path.cwd(), *([Path(named).resolve()] if named else []), profile.resolve().parent]
    return tuple(dict.fromkeys(folders))


def find(name: str, near: tuple[Path, ...]) -> Path | None:
    """Return the first file or folder of this name in the near folders; an absolute name stands for itself."""
    named = Path(name).expanduser()
    return next((folder / named for folder in near if (folder / named).exists()), None)


def data_problems(
    data: DataSettings, near: tuple[Path, ...], places: Places, *, labelled: bool = True, sees: bool | None = None
) -> Iterator[Problem]:
    """Yield a problem for each data file that is not there, and for columns that a csv or tsv header does not have.

    Args:
        data: the settings.
        near: folders against which paths are resolved.
        places: where each value stands.
        labelled: the rows must have labels.
        sees: the task has images; None where it is not known.
    """
    named = {"train": data.train, "test": data.test, "validation": data.validation, "unlabelled": data.unlabelled}
    for role, name in named.items():
        if not isinstance(name, str):
            continue
        place = places.value(("data", role))
        try:
            source = find_source(name, role, near)
        except CompactorError as error:
            yield Problem("P040", error.problem.sentence, _looked(error.problem.hint, near), place)
            continue
        if sees is not None and (source.kind == "images") != sees and not (sees and data.image):
            sentence = f"data.{role}: {name} has {'no images' if sees else 'images, and the task reads texts'}"
            hint = "name the column with their paths in data.image" if sees else "set task: image-classification"
            yield Problem("P290", sentence, hint, place)
        elif source.path is not None:
            yield from _column_problems(source.path, data, places, labelled=labelled and role != "unlabelled")
        elif _into_folder(name, near):
            yield Problem("P040", f"data.{role}: there is no {name}", _looked("", near), place)


def model_problems(step: Step, near: tuple[Path, ...], places: Places) -> Iterator[Problem]:
    """Yield a problem when a stage's `model` is a path and nothing is there; a hub id passes, it is for `run --online`."""
    name = getattr(step.stage, "model", None)
    if not isinstance(name, str) or find(name, near) is not None:
        return
    if HUB_MODEL.fullmatch(name) is None or _into_folder(name, near):
        sentence = f"{step.label}.model: there is no folder {name}"
        hint = _looked("check the path, or name a hub id as org/name", near)
        yield Problem("P040", sentence, hint, places.value((*step.path, "model")))


def _into_folder(name: str, near: tuple[Path, ...]) -> bool:
    """Say whether a name that could be a hub id begins with a folder that is here: then it is a path with a mistake."""
    first, slash, _ = name.partition("/")
    return bool(slash) and any((folder / first).is_dir() for folder in near)


def _looked(hint: str, near: tuple[Path, ...]) -> str:
    looked = f"looked in {', '.join(str(folder) for folder in near)}"
    return looked if not hint or hint.startswith("looked in") else f"{hint}; {looked}"


def header(path: Path) -> list[str] | None:
    """Return the column names of a csv or tsv file; None for another kind of file or one that is not text."""
    import csv

    delimiter = DELIMITERS.get(path.suffix.lower())
    if delimiter is None or not path.is_file():
        return None
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            lines = iter(lambda: stream.readline(LONGEST_HEADER), "")
            # Empty lines before the header are skipped, as by the reader of the data.
            first = next((line for line in lines if line.strip("\r\n")), "")
        return next(csv.reader([first], delimiter=delimiter), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return None  # told by the reader of the data, which names the row


def _column_problems(path: Path, data: DataSettings, places: Places, *, labelled: bool) -> Iterator[Problem]:
    columns = header(path)
    if columns is None:
        return
    texts = ("text", "text_pair") if data.image is None else ("image",)
    parted = _parted_otherwise(columns)
    for setting in (*texts, "label") if labelled else texts:
        wanted = getattr(data, setting)
        if isinstance(wanted, str) and wanted not in columns:
            hint = parted or did_you_mean(wanted, columns)
            place = places.value(("data", setting))
            yield Problem("P041", f"{path.name} has no column {wanted!r} (data.{setting})", hint, place)
    inputs = [getattr(data, setting) for setting in texts]
    if labelled and data.label in columns and data.label in inputs:
        sentence = f"{path.name}: data.{texts[inputs.index(data.label)]} and data.label name the same column, {data.label!r}"
        yield Problem("P041", sentence, parted or "name the column of the labels", places.value(("data", "label")))


def _parted_otherwise(columns: list[str]) -> str:
    """Return what to do about a file of one column whose name holds a mark that parts cells in other files; empty for none."""
    if len(columns) != 1:
        return ""
    mark = next((each for each in (";", "\t", "|", ",") if each in columns[0]), "")
    name = {"\t": "tabs", ";": "semicolons", ",": "commas"}.get(mark, repr(mark))
    return f"its cells seem to be parted by {name}: save it with commas as .csv, or with tabs as .tsv" if mark else ""
