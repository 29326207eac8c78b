"""Packs the worker into one file that runs anywhere with Python, numpy and onnxruntime: `python worker.pyz`."""

from __future__ import annotations

import tempfile
import zipfile
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("worker")
MAIN = "import sys\n\nfrom compactor.measuring.worker.conversation import main\n\nsys.exit(main())\n"
# Folders above the worker, so that its modules have the same names as here; nothing else of compactor comes along.
PACKAGES = ("compactor", "compactor/measuring")
NO_TIME = (1980, 1, 1, 0, 0, 0)


@cache
def worker_file() -> Path:
    """Return the packed worker, made once a process in a folder of its own that goes with the process."""
    return write_worker(Path(_folder().name) / "worker.pyz")


def write_worker(path: Path) -> Path:
    """Write the packed worker. The same source gives the same bytes, so that a copy can be known by its hash."""
    files = {"__main__.py": MAIN, **{f"{package}/__init__.py": "" for package in PACKAGES}}
    for source in sorted(FOLDER.glob("*.py")):
        files[f"compactor/measuring/worker/{source.name}"] = source.read_text(encoding="utf-8")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name, NO_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text)
    return path


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="compactor-worker-")
