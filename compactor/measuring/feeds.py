"""Inputs to time a model with: what is timed, real samples, and the file that the worker reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from compactor.measuring.made_up import Feed, dtype_of, fill


class EncodedRows(Protocol):
    """What is needed of encoded data."""

    def __len__(self) -> int: ...

    def batch(self, indices: Any) -> dict[str, np.ndarray]:
        """Return the inputs of some rows, padded to the longest of them: int64 (rows, length)."""


def choose_rows(lengths: np.ndarray, count: int = 64, seed: int = 0) -> np.ndarray:
    """Choose rows whose lengths have the distribution of all: the middles of `count` equal shares, in random order.

    Use the same rows for every model, so that all answer the same texts.
    """
    count = min(count, len(lengths))
    order = np.argsort(lengths, kind="stable")
    middles = ((np.arange(count) + 0.5) * len(lengths) / max(count, 1)).astype(int)
    return np.random.default_rng(seed).permutation(order[middles])


def real_feeds(encoded: EncodedRows, rows: Sequence[int] | np.ndarray, interface: dict[str, Any]) -> list[Feed]:
    """Return the inputs of some rows, one row a batch and without padding; the interface says which inputs are fed."""
    names = list(interface["inputs"])
    feeds = []
    for row in rows:
        batch = encoded.batch(np.array([row]))
        feeds.append({name: batch[name].astype(interface["inputs"][name]["dtype"], copy=False) for name in names})
    return feeds


def feeds_of_samples(samples: Sequence[np.ndarray | Feed], inputs: list[dict[str, Any]]) -> list[Feed]:
    """Bring samples into the form that the graph takes: a sample may be its token ids alone, the other inputs are then filled."""
    feeds: list[Feed] = []
    for sample in samples:
        if isinstance(sample, dict):
            feeds.append({each["name"]: np.asarray(sample[each["name"]], dtype=dtype_of(each)) for each in inputs})
        else:
            ids = np.asarray(sample).reshape(1, -1)
            feeds.append({each["name"]: fill(each, ids.shape, np.random.default_rng(0), ids) for each in inputs})
    return feeds


def write_feeds(path: Path, cells: dict[str, list[Feed]]) -> None:
    """Write the inputs of all cells as the worker reads them: one .npz file, arrays named `cell|index|input`."""
    arrays = {
        f"{cell}|{index}|{name}": array
        for cell, feeds in cells.items()
        for index, feed in enumerate(feeds)
        for name, array in feed.items()
    }
    np.savez(path, **arrays)  # type: ignore[arg-type]
