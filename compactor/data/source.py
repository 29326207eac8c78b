"""Find what a profile names: a file, a folder saved by `datasets`, or a dataset of the hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from compactor.base.errors import DataError, MissingError
from compactor.base.hashing import hash_file, hash_folder, hash_value
from compactor.data.image_folder import fingerprint_images, is_image_folder

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".conll": "conll",
    ".bio": "conll",
    ".iob2": "conll",
    ".txt": "conll",
}
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(:[\w.-]+)?")


@dataclass(frozen=True)
class Source:
    """One place with rows.

    Attributes:
        name: as the profile names it.
        role: `train`, `validation` or `test`; the split to take where a folder or hub dataset has several.
        kind: a file format, `folder` (saved by `datasets`), `images` (a folder with a folder for each label) or `hub`.
        path: file or folder; None for the hub.
    """

    name: str
    role: str
    kind: Literal["csv", "tsv", "json", "jsonl", "parquet", "conll", "folder", "images", "hub"]
    path: Path | None

    @property
    def fingerprint(self) -> str:
        """Hash of the content, so that a file may move; of the id alone for the hub, which is not asked."""
        if self.path is None:
            return hash_value({"hub": self.name, "role": self.role})
        if self.kind == "folder":
            return hash_value({"role": self.role, "files": hash_folder(self.path)})
        if self.kind == "images":
            return fingerprint_images(self.path, self.name)
        try:
            state = self.path.stat()
            content = _hash_once(self.path, state.st_size, state.st_mtime_ns, state.st_ino)
        except OSError as error:
            reason = error.strerror or error
            raise DataError(
                "D101", f"data.{self.role}: {self.name} cannot be read: {reason}", "check its permissions"
            ) from error
        return hash_value({"format": self.kind, "sha256": content})


def find_source(name: str, role: str, near: tuple[Path, ...]) -> Source:
    """Resolve a name of the profile against the folders in `near`; the first that has it wins.

    Raises:
        DataError: there is no such file, or its format is not known.
        MissingError: there is no such folder, and it cannot be a hub id.
    """
    path = Path(name).expanduser()
    places = [path] if path.is_absolute() else [folder / path for folder in near or (Path(),)]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        if path.suffix.lower() not in FORMATS and HUB_ID.fullmatch(name):
            return Source(name, role, "hub", None)
        raise DataError("D101", f"data.{role}: there is no file {name}", _nearest_file(path, places))
    if found.is_dir():
        if not any((found / mark).is_file() for mark in ("dataset_dict.json", "state.json")):
            if is_image_folder(found):
                return Source(name, role, "images", found)
            sentence = f"data.{role}: {name} is a folder, but not one that `datasets` saved, nor one with folders of images"
            raise DataError("D101", sentence, "name a file inside it")
        return Source(name, role, "folder", found)
    if found.suffix.lower() not in FORMATS:
        known = ", ".join(FORMATS)
        raise DataError("D101", f"data.{role}: the format of {name} is not known", f"use one of {known}, and name the file so")
    return Source(name, role, FORMATS[found.suffix.lower()], found)  # type: ignore[arg-type]


def offline(source: Source) -> MissingError:
    """Return the error for a hub id without permission to use the network."""
    return MissingError(
        "D121",
        f"data.{source.role}: there is no file or folder {source.name}, and the hub's dataset of that name needs the network",
        "add --online, or download it",
    )


def _nearest_file(path: Path, places: list[Path]) -> str:
    """Return a hint with the most similar file name in the folders that were tried."""
    import difflib  # only who misspells pays for it

    names = sorted({neighbour.name for place in places if place.parent.is_dir() for neighbour in place.parent.iterdir()})
    close = difflib.get_close_matches(path.name, names, n=1)
    tried = ", ".join(str(place.parent) for place in places)
    return f"did you mean {path.with_name(close[0])}?" if close else f"looked in {tried}"


@lru_cache(maxsize=64)
def _hash_once(path: Path, size_bytes: int, modified_ns: int, inode: int) -> str:
    """Hash a file once per process as long as it does not change; the size and times are there to notice that."""
    del size_bytes, modified_ns, inode
    return hash_file(path)
