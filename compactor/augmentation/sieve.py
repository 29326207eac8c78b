"""Lets new texts through and holds the rest back: texts seen before, and texts of the validation and test rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


class Seen:
    """A growing set of 64-bit keys as a few sorted arrays: 8 bytes a key, no Python object a key.

    A new array is merged with the last while it is not much shorter, so that there are about log2(n) of them.
    """

    def __init__(self, keys: np.ndarray) -> None:
        self._runs = [np.unique(keys)]

    def __contains__(self, key: object) -> bool:
        return bool(self.has(np.array([key], dtype=np.uint64))[0])

    def __len__(self) -> int:
        return sum(len(run) for run in self._runs)

    def has(self, keys: np.ndarray) -> np.ndarray:
        """Return which keys are in the set, bool (n,)."""
        found = np.zeros(len(keys), dtype=bool)
        for run in self._runs:
            places = np.searchsorted(run, keys)
            inside = places < len(run)
            found[inside] |= run[places[inside]] == keys[inside]
        return found

    def add(self, keys: np.ndarray) -> None:
        """Put keys in that are not in the set yet."""
        run = np.unique(keys)
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.union1d(self._runs.pop(), run)
        self._runs.append(run)


@dataclass
class Count:
    """What became of the texts of one origin.

    Attributes:
        made: texts that were made or read.
        kept: let through.
        duplicates: equal, but for case and spaces, to a training text or to one let through before.
        leaks: equal so to a text of the validation or test rows.
        empty: without any word.
    """

    made: int = 0
    kept: int = 0
    duplicates: int = 0
    leaks: int = 0
    empty: int = 0


class Sieve:
    """Decides, block after block in order, which texts are new; the first of equal texts is let through.

    Args:
        train: keys of the training texts (`compactor.data.duplicates.text_keys`).
        held_out: keys of all validation and test texts; none of them is ever let through.
    """

    def __init__(self, train: np.ndarray, held_out: np.ndarray) -> None:
        self._seen, self._held_out = Seen(train), Seen(held_out)

    def admit(self, keys: np.ndarray, empty: np.ndarray, count: Count) -> np.ndarray:
        """Return which rows of a block are let through, bool (n,), and add to the count.

        Args:
            keys: uint64 (n,), of the texts.
            empty: bool (n,), rows without any word.
            count: of this origin.
        """
        leaks = self._held_out.has(keys) & ~empty
        first = np.zeros(len(keys), dtype=bool)
        first[np.unique(keys, return_index=True)[1]] = True
        fresh = first & ~self._seen.has(keys) & ~leaks & ~empty
        self._seen.add(keys[fresh])
        count.made += len(keys)
        count.kept += int(fresh.sum())
        count.leaks += int(leaks.sum())
        count.empty += int(empty.sum())
        count.duplicates += int((~fresh & ~leaks & ~empty).sum())
        admitted: np.ndarray = fresh
        return admitted
