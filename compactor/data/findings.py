"""What a person should know about the rows before trusting a figure made from them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from compactor.base.finding import Finding
from compactor.data.contained import count_contained
from compactor.data.duplicates import count_conflicts, count_leaked
from compactor.data.label_findings import describe_labels
from compactor.data.rows import Rows

# Below it, short texts that happen to stand in others.
CONTAINED_SHARE = 0.1


def describe(splits: dict[str, Rows], keys: dict[str, np.ndarray], labels: tuple[str, ...], empty: int) -> Iterator[Finding]:
    """Yield findings on sizes, classes, empty texts, and texts that occur twice or inside one another.

    Args:
        splits: rows of `train`, `validation` and perhaps `test`.
        keys: `text_keys` of each.
        labels: class names.
        empty: rows with an empty text, over all sources.
    """
    yield from describe_labels(splits, labels)
    if empty:
        yield Finding("D203", "warning", f"{empty:,} rows have an empty text", "they are kept; drop them if they are mistakes")
    yield from _repeated(splits, keys)
    yield from _contained(splits, keys)
    if "test" not in splits:
        yield Finding(
            "D207",
            "warning",
            "there is no test split: the figures come from the validation rows, which also chose the settings",
            "name a file with data.test",
        )


def _contained(splits: dict[str, Rows], keys: dict[str, np.ndarray]) -> Iterator[Finding]:
    train = splits["train"]
    for split, rows in splits.items():
        if split == "train" or rows.images or rows.pair:
            continue
        found, looked_at = count_contained(rows, train, equal=np.isin(keys[split], keys["train"]))
        if looked_at and found / looked_at >= CONTAINED_SHARE:
            yield Finding(
                "D210",
                "warning",
                f"of {looked_at:,} {split} texts looked at, {found:,} stand word for word inside a longer training text",
                f"the {split} figures flatter: set whole sources aside, with a file of their own in data.{split}"
                + (", or by data.group" if split == "validation" else ""),
            )


def _repeated(splits: dict[str, Rows], keys: dict[str, np.ndarray]) -> Iterator[Finding]:
    one, but = ("image", "") if splits["train"].images else ("text", ", but for case and spaces")
    for split, code in (("test", "D204"), ("validation", "D209")):
        leaked = count_leaked(keys[split], keys["train"]) if split in splits else 0
        if leaked:
            yield Finding(
                code,
                "warning",
                f"{leaked:,} of {len(splits[split]):,} {split} {one}s also occur in train{but}",
                f"drop them from one of the two: the {split} figures flatter every model that remembers",
            )
    given = splits["train"].labels
    conflicts = count_conflicts(keys["train"], given) if given.ndim == 1 else 0
    if conflicts:
        yield Finding(
            "D205",
            "warning",
            f"{conflicts:,} training rows have {'an' if one == 'image' else 'a'} {one} that also occurs with another label",
            "correct the labels: no model can learn both",
        )
