"""Texts that stand whole inside a longer text of another split, as phrases do when phrases are split and not their sentences."""

from __future__ import annotations

import numpy as np

from compactor.data.duplicates import normalise
from compactor.data.rows import BLOCK_ROWS, Rows

# Enough to tell a tenth from nothing, and few enough to cost less than a second for 100,000 training texts.
SAMPLE, MOST_ROWS = 200, 100_000
# A word or two stand in many texts by chance.
FEWEST_WORDS = 3


def count_contained(rows: Rows, others: Rows, *, equal: np.ndarray) -> tuple[int, int]:
    """Return how many of a sample of texts stand word for word inside a longer text of the other split, and how many were looked at.

    Args:
        rows: the split whose texts are drawn, always the same ones; texts of one or two words are passed over.
        others: the split that is searched, its first 100,000 rows.
        equal: bool (len(rows),), the rows whose whole text occurs in `others`: counted elsewhere, and not here.
    """
    drawn = np.random.default_rng(0).permutation(np.flatnonzero(~equal))[: 4 * SAMPLE]
    texts = [normalise(rows.texts(int(row), int(row) + 1)[0]) for row in drawn]
    wanted = {f" {text} " for text in [text for text in texts if text.count(" ") + 1 >= FEWEST_WORDS][:SAMPLE]}
    looked_at = len(wanted)
    for start in range(0, min(len(others), MOST_ROWS), BLOCK_ROWS):
        block = "\n".join(f" {normalise(text)} " for text in others.texts(start, min(start + BLOCK_ROWS, len(others))))
        wanted = {text for text in wanted if text not in block}
    return looked_at - len(wanted), looked_at
