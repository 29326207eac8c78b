"""A finished, immutable folder: its key, kind, files with sha256, what made it and from what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compactor.base.atomic import read_json
from compactor.base.hashing import hash_file

MANIFEST = "artifact.json"


@dataclass(frozen=True)
class Artifact:
    """One result of one stage.

    Attributes:
        folder: where the files lie; nothing in it changes any more.
        key: 64 hexadecimal digits, the hash of everything that made it.
        kind: `torch`, `onnx`, `dataset` or `bundle`.
        stage: name of the stage that made it.
        record: the whole of artifact.json: `settings`, `version`, `sources`, `versions` of libraries, `seconds`, `findings`,
            `facts`, `files`.
    """

    folder: Path
    key: str
    kind: str
    stage: str
    record: dict[str, Any]

    @classmethod
    def load(cls, folder: Path) -> Artifact:
        """Read a finished artifact; the files are not checked, see `damage`."""
        record = read_json(folder / MANIFEST)
        return cls(folder, record["key"], record["kind"], record["stage"], record)

    @property
    def facts(self) -> dict[str, Any]:
        """What the stage wrote about its own work, such as parameters, losses, widths."""
        facts: dict[str, Any] = self.record["facts"]
        return facts

    @property
    def content(self) -> str:
        """Hash of the files alone: two artifacts with the same bytes have the same content."""
        from compactor.base.hashing import hash_value

        return hash_value({name: entry["sha256"] for name, entry in self.record["files"].items()})

    def damage(self) -> str:
        """Return what is wrong with the files, in words, or an empty string when every hash is right."""
        for name, entry in self.record["files"].items():
            path = self.folder / name
            if not path.is_file():
                return f"{name} is missing"
            if path.stat().st_size != entry["size_bytes"] or hash_file(path) != entry["sha256"]:
                return f"{name} has changed since it was written"
        return ""
