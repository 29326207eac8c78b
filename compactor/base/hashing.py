"""Content hashes of files, folders and plain values."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

BLOCK = 1 << 20


def hash_file(path: Path) -> str:
    """Return the sha256 of a file's bytes, read in blocks, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def hash_value(value: Any) -> str:
    """Return the sha256 of a JSON-able value; the order of a mapping's names does not matter."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def hash_folder(folder: Path) -> dict[str, dict[str, Any]]:
    """Return `{relative path: {sha256, size_bytes}}` of every file below a folder, sorted by path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): {"sha256": hash_file(path), "size_bytes": path.stat().st_size} for path in files
    }
