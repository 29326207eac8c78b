"""Arrays on disk that are filled in place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np


def new_array(path: Path, shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
    """Make a .npy file of zeros, with its room on the disk reserved, and map it for writing.

    Without that the file has holes until it is written, and a write to a mapped hole on a full disk ends the process without a word
    (SIGBUS) instead of raising.

    Raises:
        OSError: the disk has no room for it.
    """
    array: np.ndarray = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate"):  # not on macOS and Windows
        with path.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)
    return array
