"""Set a validation split aside: stratified by label, seeded, equal texts and the rows of a group on one side."""

from __future__ import annotations

import numpy as np

from compactor.base.errors import DataError

NUMBER_STRATA = 10


def stratified_split(
    labels: np.ndarray, keys: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into a training and a validation part.

    Rows with the same key (equal texts, or rows of a group) go to the same side, so that no validation text is learned by heart; all
    rows of a key count as one, of the class of the first. Every class gets its share to the nearest of them (largest remainders
    first), and keeps at least one training row.

    Args:
        labels: int64 (n,), label ids.
        keys: uint64 (n,), equal where rows stay together.
        share: of the rows, between 0 and 1.
        rng: decides which rows.

    Returns:
        Positions of the training rows and of the validation rows, int64, both ascending.

    Raises:
        DataError: there are too few rows for both parts.
    """
    first, groups = _groups(keys)
    classes = labels[first]
    wanted = _quota(np.bincount(classes), share)
    order = rng.permutation(len(first))
    order = order[np.argsort(classes[order], kind="stable")]
    ranks = np.arange(len(order)) - np.searchsorted(classes[order], classes[order], side="left")
    chosen = np.zeros(len(first), dtype=bool)
    chosen[order] = ranks < wanted[classes[order]]
    held = _give_back(chosen[groups], labels, groups)
    if not held.any() or held.all():
        groups_told = "" if len(first) == len(labels) else f" in {len(first):,} group{'s' if len(first) > 1 else ''}"
        raise DataError(
            "D110",
            f"{len(labels):,} training rows{groups_told} are too few to set {share:g} of them aside for validation",
            "add rows, raise `data.validation`, or name a validation file",
        )
    return np.flatnonzero(~held), np.flatnonzero(held)


def strata(labels: np.ndarray) -> np.ndarray:
    """Return the class by which a row is counted when splits are to be alike, int64 (n,).

    Ids are their own class. A set of labels counts for its rarest, so that rare labels are on both sides; numbers for their tenth of
    the range of ranks; rows of tags all alike, which leaves the split to chance.

    Args:
        labels: as `Rows.labels` gives them.
    """
    if labels.dtype.kind == "f" and labels.shape[1] == 1:
        ranks = np.argsort(np.argsort(labels[:, 0], kind="stable"), kind="stable")
        return ranks * NUMBER_STRATA // max(1, len(labels))
    if labels.dtype.kind == "f":
        often = np.where(labels > 0.5, labels.sum(axis=0, keepdims=True), np.inf)
        return np.where((labels > 0.5).any(axis=1), often.argmin(axis=1) + 1, 0)
    return np.zeros(len(labels), dtype=np.int64) if labels.ndim == 2 else labels


def _groups(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first row of each key and the group of each row, numbered by first appearance: the values of keys do not matter."""
    _, first, groups = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.sort(first), rank[groups]


def _quota(counts: np.ndarray, share: float) -> np.ndarray:
    """Return how many of each class to hold out: whole parts first, then the largest remainders until the total is right."""
    exact = counts * share
    most = np.maximum(counts - 1, 0)
    quota: np.ndarray = np.minimum(np.floor(exact).astype(np.int64), most)
    missing = max(round(float(exact.sum())) - int(quota.sum()), 0)
    largest = np.argsort(quota - exact, kind="stable")
    quota[largest[quota[largest] < most[largest]][:missing]] += 1
    return quota


def _give_back(held: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return texts to train until every class has a training row; needed only where equal texts have different labels."""
    while True:
        kept = np.bincount(labels[~held], minlength=int(labels.max()) + 1)
        bare = np.setdiff1d(labels[held], np.flatnonzero(kept))
        if not len(bare):
            return held
        held = held & (groups != groups[held & (labels == bare[0])][0])
