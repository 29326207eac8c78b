"""The files that a profile names: where they are looked for, and whether they and their columns are there."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from compactor.base.errors import Problem
from compactor.pipeline.reader import DataPath, Places
from compactor.pipeline.suggest import did_you_mean

if TYPE_CHECKING:
    from compactor.data import DataSettings
    from compactor.pipeline.steps import Step

DELIMITERS = {".csv": ",", ".tsv": "\t"}
DATA_SUFFIXES = {".csv", ".tsv", ".json", ".jsonl", ".parquet", ".arrow", ".yaml", ".yml", ".onnx", ".safetensors", ".txt"}
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
LONGEST_HEADER = 1 << 16


def near_folders(profile: Path) -> tuple[Path, ...]:
    """Return the folders against which a profile's relative paths are resolved: here, $COMPACTOR_DATA, beside the profile."""
    named = os.environ.get("COMPACTOR_DATA")
    folders = [Path.cwd(), *([Path(named).resolve()] if named else []), profile.resolve().parent]
    return tuple(dict.fromkeys(folders))


def find(name: str, near: tuple[Path, ...]) -> Path | None:
    """Return the first file or folder of this name in the near folders; an absolute name stands for itself."""
    return next((folder / name for folder in near if (folder / name).exists()), None)


def is_hub_id(name: str, near: tuple[Path, ...]) -> bool:
    """Say whether a name that is not here can be a hub id (`org/name`); a path into a folder that is here is a mistake."""
    first, *rest = name.split("/")
    looks_so = HUB_ID.fullmatch(name) is not None and Path(name).suffix.lower() not in DATA_SUFFIXES
    return looks_so and not (rest and any((folder / first).is_dir() for folder in near))


def data_problems(data: DataSettings, near: tuple[Path, ...], places: Places) -> Iterator[Problem]:
    """Yield a problem for each data file that is not there, and for columns that a csv or tsv header does not have."""
    if data.source:
        return
    named = {"train": data.train, "test": data.test, "validation": data.validation}
    for setting, name in named.items():
        if not isinstance(name, str):
            continue
        path = find(name, near)
        if path is not None:
            yield from _column_problems(path, data, places)
        elif not is_hub_id(name, near):
            yield _missing(name, "file", near, places, ("data", setting))


def model_problems(step: Step, near: tuple[Path, ...], places: Places) -> Iterator[Problem]:
    """Yield a problem when a stage's `model` is a path and nothing is there."""
    name = getattr(step.stage, "model", None)
    if isinstance(name, str) and find(name, near) is None and not is_hub_id(name, near):
        yield _missing(name, "model folder", near, places, (*step.path, "model"))


def header(path: Path) -> list[str] | None:
    """Return the column names of a csv or tsv file; None for another kind of file or one that is not text."""
    delimiter = DELIMITERS.get(path.suffix.lower())
    if delimiter is None or not path.is_file():
        return None
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline(LONGEST_HEADER)
        return next(csv.reader([first], delimiter=delimiter), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return None  # told by the reader of the data, which names the row


def _column_problems(path: Path, data: DataSettings, places: Places) -> Iterator[Problem]:
    columns = header(path)
    if columns is None:
        return
    for setting in ("text", "text_pair", "label"):
        wanted = getattr(data, setting)
        if isinstance(wanted, str) and wanted not in columns:
            place = places.value(("data", setting))
            yield Problem(
                "P041", f"{path.name} has no column {wanted!r} (data.{setting})", did_you_mean(wanted, columns), place
            )


def _missing(name: str, what: str, near: tuple[Path, ...], places: Places, path: DataPath) -> Problem:
    looked = "" if Path(name).is_absolute() else f"; looked in {', '.join(str(folder) for folder in near)}"
    return Problem(
        "P040", f"there is no {what} {name}{looked}", "check the path, or name a hub id as org/name", places.value(path)
    )
