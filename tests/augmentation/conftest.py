"""Rows in memory, and a corpus of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from compactor.augmentation.corpus import Corpus
from compactor.data import Rows

TEXTS = (
    "where is my new card",
    "i want my money back please",
    "how do i change my pin",
    "the transfer has not arrived yet",
    "can you send the card again",
    "please cancel the last transfer now",
)
LABELS = (0, 1, 2, 3, 0, 3)


def rows_of(texts: Sequence[str], labels: Sequence[int] | None = None, pairs: Sequence[str] | None = None) -> Rows:
    """Put texts into rows, two to a batch, so that batches are crossed."""
    import pyarrow as pa

    columns = {"text": list(texts)} | ({"pair": list(pairs)} if pairs is not None else {})
    table = pa.table({name: pa.array(column, pa.large_string()) for name, column in columns.items()})
    numbers = np.array(labels if labels is not None else np.zeros(len(texts)), dtype=np.int64)
    return Rows(tuple(table.to_batches(2)), numbers, np.arange(len(texts)))


@pytest.fixture
def rows() -> Callable[..., Rows]:
    return rows_of


@pytest.fixture
def corpus() -> Corpus:
    return Corpus(rows_of(TEXTS, LABELS))
