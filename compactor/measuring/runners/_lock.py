"""One measurement at a time on a machine, as far as this machine starts them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from compactor.base.errors import StageError


@contextmanager
def only_one(name: str, place: str) -> Iterator[None]:
    """Hold a lock that goes when the process does.

    Raises:
        StageError: M212, another process of this user measures there.
    """
    try:
        import fcntl
    except ImportError:  # no such locks on Windows: the second measurement then ends the first
        yield
        return
    path = Path(tempfile.gettempdir()) / f"compactor-{os.getuid()}-{name}.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StageError("M212", f"another measurement runs on {place}", "wait for it to end") from error
        yield
    finally:
        os.close(handle)
