"""Which texts lie nearest to each other by their embeddings, and how many of a model's neighbours are the teacher's."""

from __future__ import annotations

import numpy as np

NEIGHBOURS = 10
MOST_TEXTS = 2000  # looked at, evenly spread; all pairs of them are compared


def recall_of_neighbours(embeddings: np.ndarray, reference: np.ndarray, *, count: int = NEIGHBOURS) -> float:
    """Return the share of each text's nearest texts by the reference that are among its nearest by the embeddings: recall@count.

    Args:
        embeddings: float (n, dimension), of length 1.
        reference: the same of another model, of any dimension.
        count: neighbours of each text, itself left out; fewer where there are fewer texts.
    """
    chosen = np.unique(np.linspace(0, len(embeddings) - 1, min(MOST_TEXTS, len(embeddings))).astype(np.int64))
    wanted = min(count, len(chosen) - 1)
    if wanted < 1:
        return 1.0
    found, known = (_nearest(vectors[chosen], wanted) for vectors in (embeddings, reference))
    shared = [len(np.intersect1d(mine, theirs)) for mine, theirs in zip(found, known, strict=True)]
    return float(np.mean(shared)) / wanted


def _nearest(embeddings: np.ndarray, count: int) -> np.ndarray:
    """Return the `count` nearest rows of each row, int64 (n, count), in no order."""
    similar = embeddings @ embeddings.T
    np.fill_diagonal(similar, -np.inf)
    return np.argpartition(-similar, count - 1, axis=1)[:, :count]
