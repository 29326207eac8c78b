"""Rows that belong together, such as the sentences of a document: all are set aside for validation, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from compactor.data.duplicates import keys_of

if TYPE_CHECKING:
    from compactor.data.table import Table


def table_groups(table: Table) -> np.ndarray:
    """Return uint64 (n,): equal where rows name the same group; rows that name none are groups of their own."""
    found = [keys_of(batch.column("group").to_pylist()) for batch in table.batches]
    groups = np.concatenate([np.zeros(0, dtype=np.uint64), *found])
    none = np.flatnonzero(groups == keys_of([""])[0])
    groups[none] = none.astype(np.uint64)
    return groups


def joined(keys: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return uint64 (n,): equal where rows share a text or a group, straight or by way of other rows.

    Args:
        keys: equal where texts are equal, see `compactor.data.duplicates.text_keys`.
        groups: equal where groups are.
    """
    places = [np.unique(values, return_inverse=True)[1] for values in (keys, groups)]
    found, before = np.arange(len(keys)), np.zeros(0, dtype=np.int64)
    while not np.array_equal(found, before):
        before = found
        for place in places:
            lowest = np.full(int(place.max(initial=-1)) + 1, len(keys))
            np.minimum.at(lowest, place, found)
            found = lowest[place]
    return found.astype(np.uint64)
