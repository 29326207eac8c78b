"""First values of a piece table, from which pieces stand near each other in the training texts.

Positive pointwise mutual information of pieces within a window, weighted by 1 / distance, contexts smoothed; then a truncated singular
value decomposition, left vectors times the root of the singular values.

Source: Levy, Goldberg, Dagan 2015, "Improving distributional similarity with lessons learned from word embeddings" (TACL 3), sections
3.1 to 3.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

WINDOW = 5
# The power to which context counts are raised; keeps rare contexts from dominating.
SMOOTHING = 0.75
# Spread of the numbers: twice that of the other embeddings at the beginning, so that the piece is heard before its position.
SPREAD = 0.04


def cooccurrence_embeddings(
    batches: Iterable[Mapping[str, np.ndarray]], *, pieces: int, width: int, special: Iterable[int], seed: int
) -> np.ndarray:
    """Return a piece table, float32 (pieces, width).

    Args:
        batches: encoded training rows: `input_ids` and `attention_mask`, int64 (rows, length).
        pieces: rows of the table.
        width: columns.
        special: ids that are no words; they, and pieces that stand nowhere, get small random numbers.
        seed: for those, and for the decomposition.
    """
    from sklearn.utils.extmath import randomized_svd

    information = _information(_counts(batches, pieces, np.fromiter(special, dtype=np.int64)))
    table = np.random.default_rng(seed).normal(0.0, SPREAD / 2, (pieces, width))
    seen = np.diff(information.indptr) > 0
    rank = min(width, int(seen.sum()) - 1)
    if rank > 0:
        vectors, values, _ = randomized_svd(information, rank, n_iter=4, random_state=seed)
        found = (vectors * np.sqrt(values))[seen]
        found -= found.mean(axis=0)
        # Every piece is equally long, whatever its frequency; a layer norm follows anyway.
        found *= SPREAD * np.sqrt(width) / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
        table[seen, :rank] = found
        table[seen, rank:] = 0.0
    return table.astype(np.float32)


def _counts(batches: Iterable[Mapping[str, np.ndarray]], pieces: int, special: np.ndarray) -> Any:
    """Return how often pieces stand together, each pair weighted by 1 / distance: a symmetric sparse matrix (pieces, pieces)."""
    import scipy.sparse  # type: ignore[import-untyped]

    word = np.ones(pieces, dtype=bool)
    word[special] = False
    total = scipy.sparse.csr_matrix((pieces, pieces), dtype=np.float64)
    for batch in batches:
        ids, real = batch["input_ids"], batch["attention_mask"].astype(bool) & word[batch["input_ids"]]
        for distance in range(1, min(WINDOW, ids.shape[1] - 1) + 1):
            both = real[:, :-distance] & real[:, distance:]
            pair = (ids[:, :-distance][both], ids[:, distance:][both])
            total = (
                total + scipy.sparse.coo_matrix((np.full(len(pair[0]), 1.0 / distance), pair), shape=(pieces, pieces)).tocsr()
            )
    return total + total.T


def _information(counts: Any) -> Any:
    """Return positive pointwise mutual information: max(0, log(p(a, b) / (p(a) p(b)^0.75 normalised)))."""
    import scipy.sparse

    counts = counts.tocoo()
    single = np.asarray(counts.sum(axis=1)).ravel()
    context = single**SMOOTHING
    values = np.log(counts.data * context.sum() / (single[counts.row] * context[counts.col]))
    kept = values > 0
    return scipy.sparse.csr_matrix((values[kept], (counts.row[kept], counts.col[kept])), shape=counts.shape)
