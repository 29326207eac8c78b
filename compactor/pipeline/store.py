"""Key to artifact: a folder is complete or absent, never half; two runs may share one store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compactor.base.artifact import MANIFEST, Artifact
from compactor.base.atomic import fresh_folder, read_mapping, write_json
from compactor.base.errors import CompactorError, disk_error
from compactor.base.hashing import hash_folder, hash_value

DERIVED = "derived.json"


@dataclass(frozen=True)
class Label:
    """What an artifact will be called: everything in artifact.json that is known before it is made."""

    key: str
    kind: str
    stage: str
    version: int
    settings: dict[str, Any]
    sources: dict[str, str]


class Store:
    """Artifacts and by-products below one folder.

    Layout: `artifacts/KEY/` finished stages, `derived/KEY/` by-products (encoded data, teacher outputs),
    `making/KEY/` a stage in the making with its checkpoints, `locks/KEY`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def folder(self, key: str) -> Path:
        """Where the artifact of this key lies, or would lie."""
        return self.root / "artifacts" / key

    def find(self, key: str) -> Artifact | None:
        """Return a finished artifact without reading its files; None where there is none, or only one that is `unreadable`."""
        folder = self.folder(key)
        return Artifact.load(folder) if {"key", "files"} <= read_mapping(folder / MANIFEST).keys() else None

    def unreadable(self, key: str) -> bool:
        """Whether an artifact lies there whose manifest is cut or strange: it is damaged, and made again."""
        return (self.folder(key) / MANIFEST).is_file() and self.find(key) is None

    def started(self, key: str) -> bool:
        """Whether a killed run left checkpoints to go on from."""
        checkpoints = self.root / "making" / key / "checkpoints"
        return checkpoints.is_dir() and any(checkpoints.iterdir())

    def make(
        self, label: Label, fill: Callable[[Path, Path], dict[str, Any]], on_wait: Callable[[], None] = lambda: None
    ) -> Artifact:
        """Return the artifact of a key, filling it if it is not there; another run making the same one is waited for.

        Args:
            label: what it is and from what.
            fill: given (empty folder, checkpoint folder), does the work and returns further fields of the record.
            on_wait: called once when another process holds the key.
        """
        with self._lock(label.key, on_wait):
            found = self.find(label.key)
            if found is not None:
                return found
            making = self.root / "making" / label.key
            folder, checkpoints = making / "folder", making / "checkpoints"
            try:
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                checkpoints.mkdir(exist_ok=True)
                extra = fill(folder, checkpoints)
                self._seal(label, folder, extra)
            except OSError as error:
                raise disk_error(error, making) from error
            shutil.rmtree(making, ignore_errors=True)
            return Artifact.load(self.folder(label.key))

    def derive(self, name: str, parts: dict[str, Any], build: Callable[[Path], None]) -> Path:
        """Return the folder of a by-product that depends on `parts` alone, building it when it is absent."""
        key = hash_value({"name": name, "parts": parts})
        folder = self.root / "derived" / key
        with self._lock(key):
            if "name" not in read_mapping(folder / DERIVED):
                with fresh_folder(folder) as scratch:
                    build(scratch)
                    write_json(scratch / DERIVED, {"name": name, "parts": parts})
                    _flush(scratch)
        return folder

    def discard(self, key: str) -> None:
        """Forget an artifact and its checkpoints: it is damaged, or is asked to be made again."""
        with self._lock(key):
            for folder in (self.folder(key), self.root / "making" / key):
                if folder.exists():
                    _delete(folder)

    def entries(self) -> Iterator[tuple[Path, str]]:
        """Yield every folder below the store with a word for what it is: (folder, `teacher`, `encoded`, `making` ...)."""
        for room, manifest, word in (("artifacts", MANIFEST, "stage"), ("derived", DERIVED, "name"), ("making", "", "making")):
            for folder in sorted((self.root / room).glob("*")):
                complete = bool(manifest) and (folder / manifest).is_file()
                yield folder, str(read_mapping(folder / manifest).get(word, "unreadable")) if complete else "unfinished"

    def in_use(self, folder: Path) -> bool:
        """Whether a living process holds the key of one of `entries`: it makes it, or a scratch folder of it."""
        return any(_held(path) for path in self._locks(folder))

    def remove(self, folder: Path) -> bool:
        """Delete one of `entries` unless it is in use; return whether it is gone."""
        from filelock import FileLock, Timeout

        if self.in_use(folder):
            return False
        if folder.name.startswith("."):
            shutil.rmtree(folder, ignore_errors=True)
            return True
        try:
            with FileLock(self.root / "locks" / folder.name, timeout=0):
                _delete(folder)
        except Timeout:
            return False
        return True

    def _locks(self, folder: Path) -> Iterator[Path]:
        """Yield the lock files that a folder may have: of a hidden one, which is being filled or deleted, the name is cut."""
        locks, name = self.root / "locks", folder.name
        return locks.glob(f"{name[1:17]}*") if name.startswith(".") else iter([locks / name])

    def _seal(self, label: Label, folder: Path, extra: dict[str, Any]) -> None:
        files = hash_folder(folder)
        if not files:
            raise CompactorError("R103", f"the stage {label.stage} left nothing in its folder", "this is a fault of the stage")
        write_json(folder / MANIFEST, {**vars(label), **extra, "files": files})
        _flush(folder)
        final = self.folder(label.key)
        final.parent.mkdir(parents=True, exist_ok=True)
        if final.exists():
            _delete(final)  # an unreadable one
        os.replace(folder, final)

    @contextmanager
    def _lock(self, key: str, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        from filelock import FileLock, Timeout

        path = self.root / "locks" / key
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                on_wait()
                lock.acquire()
        except OSError as error:
            raise disk_error(error, path) from error
        try:
            yield
        finally:
            lock.release()


def _delete(folder: Path) -> None:
    """Delete a folder, renamed first, so that a kill in the middle leaves nothing that looks complete."""
    doomed = folder.with_name(f".{folder.name}.discarded")
    shutil.rmtree(doomed, ignore_errors=True)
    os.replace(folder, doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def _held(path: Path) -> bool:
    """Whether a process holds a lock file."""
    from filelock import FileLock, Timeout

    if not path.is_file():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True


def _flush(folder: Path) -> None:
    """Ask the kernel to put the files on the disk before the folder takes its final name."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
