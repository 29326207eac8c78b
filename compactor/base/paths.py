"""Paths as a profile writes them."""

from __future__ import annotations

import os
from pathlib import Path


def under(folder: Path, name: str) -> Path:
    """Return a named path below a folder; `~` begins at a home, and an absolute path stands for itself."""
    return folder / os.path.expanduser(name)
