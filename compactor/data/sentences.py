"""Texts one by one, where a vector is wanted for each: a pair becomes two neighbouring rows that carry its score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


def one_text_a_row(parts: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """Return columns `text` and `label` (float32, NaN for none) of texts alone; of a pair the second follows the first.

    Args:
        parts: `text`; for pairs also `pair` and, with the scores, `label`; perhaps `group`.
    """
    import pyarrow as pa

    if "pair" not in parts:
        rows = len(parts["text"])
        return {**parts, "label": pa.array(np.full(rows, np.nan, dtype=np.float32))}
    both = np.arange(2 * len(parts["text"])).reshape(2, -1).T.ravel()
    texts = pa.concat_arrays([parts["text"], parts["pair"]]).take(pa.array(both))
    each = pa.array(np.repeat(np.arange(len(parts["text"])), 2))
    kept = {"group": parts["group"].take(each)} if "group" in parts else {}
    return {"text": texts, **kept, "label": parts["label"].take(each)}


def rows_of_units(units: np.ndarray, size: int) -> np.ndarray:
    """Return the rows of units that stay together: of unit i the rows `size * i` to `size * i + size - 1`."""
    return np.asarray((units[:, None] * size + np.arange(size)).ravel())


def unit_keys(keys: np.ndarray, size: int) -> np.ndarray:
    """Return one key a unit, uint64: equal where all its rows have equal keys in the same order."""
    whole = keys[::size]
    for place in range(1, size):
        whole = whole * np.uint64(1_000_003) + keys[place::size]
    return whole
