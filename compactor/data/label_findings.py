"""What a person should know about the labels: how many of each, what a guess is worth, which are missing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from compactor.base.finding import Finding
from compactor.data.rows import Rows

IMBALANCE = 10.0


def describe_labels(splits: dict[str, Rows], labels: tuple[str, ...]) -> Iterator[Finding]:
    """Yield findings on sizes and labels; what the labels are is told by the form of `Rows.labels`.

    Args:
        splits: rows of `train`, `validation` and perhaps `test`.
        labels: class names.
    """
    sizes = ", ".join(f"{len(rows):,} {name}" for name, rows in splits.items())
    given = splits["train"].labels
    if splits["train"].tags is not None:
        yield from _tags(sizes, splits["train"], labels)
    elif given.dtype.kind == "f" and np.isnan(given).all():
        sentence = f"{sizes} texts without scores: they are compared with the teacher's similarities"
        yield Finding("D201", "note", sentence, "pairs with a score (data.text_pair, data.label) judge the teacher too")
    elif given.dtype.kind == "f" and given.shape[1] == 1 and not np.isin(given, (0.0, 1.0)).all():
        yield _numbers(sizes, given[:, 0])
    elif given.dtype.kind == "f":
        yield from _sets(sizes, given, labels)
    else:
        yield from _classes(sizes, np.bincount(given, minlength=len(labels)), labels)


def _classes(sizes: str, counts: np.ndarray, labels: tuple[str, ...]) -> Iterator[Finding]:
    majority = float(counts.max() / counts.sum())
    yield Finding(
        "D201",
        "note",
        f"{sizes} rows; {len(labels)} classes of {counts.min():,} to {counts.max():,} training rows;"
        f" always answering {labels[int(counts.argmax())]!r} would be right for {majority:.1%} of them",
        "compare every accuracy with that share",
    )
    yield from _uneven(counts, labels, "class", "classes")


def _sets(sizes: str, given: np.ndarray, labels: tuple[str, ...]) -> Iterator[Finding]:
    counts = given.sum(axis=0).astype(np.int64)
    yield Finding(
        "D201",
        "note",
        f"{sizes} rows; {len(labels)} labels of {counts.min():,} to {counts.max():,} training rows, {given.sum(axis=1).mean():.2f} a row;"
        f" {float((given.sum(axis=1) == 0).mean()):.1%} of the rows have none",
        "compare the share of whole sets with that of the rows without labels",
    )
    yield from _uneven(counts, labels, "label", "labels")


def _numbers(sizes: str, given: np.ndarray) -> Finding:
    return Finding(
        "D201",
        "note",
        f"{sizes} rows; numbers from {given.min():g} to {given.max():g}, mean {given.mean():.4g}, standard deviation {given.std():.4g}",
        "always answering the mean explains no variance and ranks nothing",
    )


def _tags(sizes: str, train: Rows, labels: tuple[str, ...]) -> Iterator[Finding]:
    assert train.tags is not None
    counts = np.bincount(train.tags.values, minlength=len(labels))
    most = int(counts.argmax())
    share = counts[most] / max(1, counts.sum())
    yield Finding(
        "D201",
        "note",
        f"{sizes} rows; {len(labels)} tags, {train.answers:,} training words, {share:.1%} of them {labels[most]!r}",
        "look at F1 of spans: most words belong to nothing, so a share of right words flatters",
    )
    bare = [labels[label] for label in np.flatnonzero(counts == 0)]
    if bare:
        yield _missing(bare, "tags")


def _uneven(counts: np.ndarray, labels: tuple[str, ...], one: str, many: str) -> Iterator[Finding]:
    """Yield what is rare, and what never occurs."""
    present = counts[counts > 0]
    if present.max() / present.min() >= IMBALANCE:
        yield Finding(
            "D202",
            "note",
            f"the largest {one} has {present.max() / present.min():.0f} times the training rows of the smallest",
            "look at macro F1 beside the main figure",
        )
    bare = [labels[label] for label in np.flatnonzero(counts == 0)]
    if bare:
        yield _missing(bare, many)


def _missing(bare: list[str], many: str) -> Finding:
    named = ", ".join(repr(name) for name in bare[:5]) + (", ..." if len(bare) > 5 else "")
    return Finding("D206", "warning", f"{len(bare)} {many} have no training row: {named}", f"add rows, or drop the {many}")
