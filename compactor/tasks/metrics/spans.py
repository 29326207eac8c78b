"""Spans that tags mark: found, wrongly added and missed in each sentence. The rules of what is a span are seqeval's."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

# BILOU calls the last word of a span L and a span of one word U; seqeval reads IOBES, which calls them E and S.
PLACES = {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S"}
OUTSIDE = "O"


def span_counts(predicted: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Count spans by sentence: right in place and type, wrongly added, missed; sums of them give conlleval's F1.

    Where no tag has a place in a span (parts of speech), every word with another tag than O counts as a span.

    Args:
        predicted: int (words,), tag of each word that has a label, sentence by sentence; -1 for none.
        labels: int64 (n, longest), -100 where there is no word.
        names: of the tags.

    Returns:
        int64 (n, 3).
    """
    tags = readable_tags(names)
    lengths = (labels >= 0).sum(axis=1)
    ends = np.cumsum(lengths)
    counts = np.zeros((len(labels), 3), dtype=np.int64)
    for sentence, (end, length) in enumerate(zip(ends, lengths, strict=True)):
        found = _spans(tuple(tags[tag] if tag >= 0 else OUTSIDE for tag in predicted[end - length : end]))
        wanted = _spans(tuple(tags[tag] for tag in labels[sentence, :length]))
        right = len(found & wanted)
        counts[sentence] = right, len(found) - right, len(wanted) - right
    return counts


def readable_tags(names: tuple[str, ...]) -> list[str]:
    """Return tags as seqeval reads them: place, dash, number of the type; types may then have dashes of their own."""
    plain = not any(name.partition("-")[0] in PLACES and "-" in name for name in names)
    kinds: dict[str, int] = {}
    tags = []
    for name in names:
        place, dash, kind = name.partition("-")
        if name == OUTSIDE:
            tags.append(OUTSIDE)
        elif plain or not dash or place not in PLACES:
            tags.append(f"S-{kinds.setdefault(name, len(kinds))}")
        else:
            tags.append(f"{PLACES[place]}-{kinds.setdefault(kind, len(kinds))}")
    return tags


@lru_cache(maxsize=100_000)  # the same labels are asked for again for every model
def _spans(tags: tuple[str, ...]) -> frozenset[tuple[str, int, int]]:
    from seqeval.metrics.sequence_labeling import get_entities

    return frozenset(get_entities(list(tags)))
