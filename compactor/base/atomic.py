"""Files and folders that are complete or absent, never half."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from compactor.base.errors import disk_error


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step: a reader sees the old content or the new, never a part."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one step, flushed to the disk before it takes its name."""
    with fresh_file(path) as stream:
        stream.write(content)


@contextmanager
def fresh_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write; flushed to the disk it takes its name only if the block ends well. A device or pipe is written as it is."""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            # `-o /dev/stdout`, `-o >(tee copy)`: a file in its place would take it from everybody.
            with path.open("wb") as stream:
                yield stream
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise disk_error(error, path) from error


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON, in one step; NaN is refused."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_mapping(path: Path) -> dict[str, Any]:
    """Read what one process leaves for a later one as a JSON object; empty where the file is absent, cut or something else."""
    try:
        value = read_json(path)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


@contextmanager
def fresh_folder(final: Path) -> Iterator[Path]:
    """Give an empty folder to fill; it takes the name `final` only if the block ends well."""
    final.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name[:16]}."))
    try:
        yield scratch
        os.chmod(scratch, 0o755)  # noqa: S103 - mkdtemp makes it private, a store is shared
        if final.exists():
            shutil.rmtree(final)
        os.replace(scratch, final)
    except OSError as error:
        raise disk_error(error, final) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
