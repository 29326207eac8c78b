"""Which folders of the store a run needs: written into the run's folder as it goes on, so that `clean` leaves them alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from compactor.base.atomic import read_json, write_json

REFERENCES = "references.json"


class References:
    """The keys that a run refers to.

    Until the run has ended with a report of its own, what the run before it in the same folder referred to is kept too: the report
    that lies there is made of it.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._keys: set[str] = set()
        self._earlier = _read(path)

    def add(self, *keys: str) -> None:
        """Refer to keys from now on, also if this process is killed in the next moment."""
        new = set(keys) - self._keys
        self._keys |= new
        if new and self.path is not None:
            write_json(self.path, sorted(self._keys | self._earlier))

    def settle(self) -> None:
        """Forget what only earlier runs in this folder needed: a new report lies there."""
        self._earlier = set()
        if self.path is not None:
            write_json(self.path, sorted(self._keys))

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._keys | self._earlier))


def _read(path: Path | None) -> set[str]:
    try:
        return set(read_json(path)) if path is not None else set()
    except (OSError, ValueError):
        return set()
