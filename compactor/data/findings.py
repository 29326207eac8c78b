"""What a person should know about the rows before trusting a figure made from them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from compactor.base.finding import Finding
from compactor.data.duplicates import count_conflicts, count_leaked
from compactor.data.rows import Rows

IMBALANCE = 10.0


def describe(splits: dict[str, Rows], keys: dict[str, np.ndarray], labels: tuple[str, ...], empty: int) -> Iterator[Finding]:
    """Yield findings on sizes, classes, empty texts, and texts that occur twice.

    Args:
        splits: rows of `train`, `validation` and perhaps `test`.
        keys: `text_keys` of each.
        labels: class names.
        empty: rows with an empty text, over all sources.
    """
    counts = np.bincount(splits["train"].labels, minlength=len(labels))
    yield from _sizes(splits, counts, labels)
    if empty:
        yield Finding("D203", "warning", f"{empty:,} rows have an empty text", "they are kept; drop them if they are mistakes")
    yield from _repeated(splits, keys)
    if "test" not in splits:
        yield Finding(
            "D207",
            "warning",
            "there is no test split: the figures come from the validation rows, which also chose the settings",
            "name a file with data.test",
        )


def _sizes(splits: dict[str, Rows], counts: np.ndarray, labels: tuple[str, ...]) -> Iterator[Finding]:
    sizes = ", ".join(f"{len(rows):,} {name}" for name, rows in splits.items())
    majority = float(counts.max() / counts.sum())
    yield Finding(
        "D201",
        "note",
        f"{sizes} rows; {len(labels)} classes of {counts.min():,} to {counts.max():,} training rows;"
        f" always answering {labels[int(counts.argmax())]!r} would be right for {majority:.1%} of them",
        "compare every accuracy with that share",
    )
    present = counts[counts > 0]
    if present.max() / present.min() >= IMBALANCE:
        yield Finding(
            "D202",
            "note",
            f"the largest class has {present.max() / present.min():.0f} times the training rows of the smallest",
            "look at macro F1 beside accuracy",
        )
    bare = [labels[label] for label in np.flatnonzero(counts == 0)]
    if bare:
        named = ", ".join(repr(name) for name in bare[:5]) + (", ..." if len(bare) > 5 else "")
        yield Finding("D206", "warning", f"{len(bare)} classes have no training row: {named}", "add rows, or drop the classes")


def _repeated(splits: dict[str, Rows], keys: dict[str, np.ndarray]) -> Iterator[Finding]:
    for split, code in (("test", "D204"), ("validation", "D209")):
        leaked = count_leaked(keys[split], keys["train"]) if split in splits else 0
        if leaked:
            yield Finding(
                code,
                "warning",
                f"{leaked:,} of {len(splits[split]):,} {split} texts also occur in train, but for case and spaces",
                f"drop them from one of the two: the {split} figures flatter every model that remembers",
            )
    conflicts = count_conflicts(keys["train"], splits["train"].labels)
    if conflicts:
        yield Finding(
            "D205",
            "warning",
            f"{conflicts:,} training rows have a text that also occurs with another label",
            "correct the labels: no model can learn both",
        )
