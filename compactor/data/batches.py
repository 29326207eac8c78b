"""Batches of rows with similar lengths, in random order."""

from __future__ import annotations

import numpy as np

BATCHES_SORTED_TOGETHER = 100


def grouped_batches(lengths: np.ndarray, batch_size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return one epoch of batches: each row once, little padding, a new order with every call.

    Rows are shuffled, cut into stretches of 100 batches, sorted by length inside a stretch, and the batches are shuffled. On short
    texts (Banking77, 32 rows a batch) this leaves 2 % of padding, where random batches have 65 %.

    How random it stays: the order of the batches is that of a shuffle, and which rows of like length meet is drawn anew at every call,
    so that of a row's batch mates fewer than one in ten meet it in the next epoch too (9,000 rows; random batches: one in 300). Below
    some 1,000 rows there is one stretch of few batches, and rows of a rare length meet often.

    Args:
        lengths: int (n,), tokens of each row.
        batch_size: rows in a batch; the last batch of the shortest stretch may have fewer.
        rng: its state decides the order, and moves on.

    Returns:
        int64 arrays of row positions.
    """
    order = rng.permutation(len(lengths))
    stretch = batch_size * BATCHES_SORTED_TOGETHER
    batches: list[np.ndarray] = []
    for start in range(0, len(order), stretch):
        rows = order[start : start + stretch]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        batches += [rows[first : first + batch_size] for first in range(0, len(rows), batch_size)]
    return [batches[position] for position in rng.permutation(len(batches))]
