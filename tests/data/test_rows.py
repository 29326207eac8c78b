"""Rows as a view of Arrow batches."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from compactor.data.rows import Rows

pa = pytest.importorskip("pyarrow")


def rows_in(*sizes, prefix="text"):
    """Rows cut into batches of these sizes."""
    texts = [f"{prefix} {n} é" for n in range(sum(sizes))]
    starts = np.cumsum([0, *sizes])
    batches = [pa.record_batch({"text": pa.array(texts[start:stop], pa.large_string())}) for start, stop in pairwise(starts)]
    return Rows(tuple(batches), np.arange(len(texts)) % 3, np.arange(len(texts))), texts


@pytest.mark.parametrize("sizes", [(500,), (1, 0, 499), tuple([5] * 100)])
def test_any_selection_in_any_order(sizes):
    rows, texts = rows_in(*sizes)
    assert rows.texts() == texts
    assert rows.texts(3, 9) == texts[3:9]
    order = np.random.default_rng(0).permutation(500)[:300]
    chosen = rows.select(order)
    assert chosen.texts() == [texts[n] for n in order]
    assert chosen.texts(10, 20) == [texts[n] for n in order[10:20]]
    assert (chosen.labels == order % 3).all()
    again = chosen.select(np.arange(0, 300, 7))
    assert again.texts() == chosen.texts()[::7]
    assert rows.select(np.zeros(0, np.int64)).texts() == []


def test_fingerprint_does_not_see_how_rows_are_stored():
    whole, pieces = rows_in(500)[0], rows_in(*[7] * 70, 10)[0]
    assert whole.fingerprint == pieces.fingerprint
    order = np.random.default_rng(0).permutation(500)
    assert whole.select(order).fingerprint == pieces.select(order).fingerprint != whole.fingerprint


def test_fingerprint_sees_texts_labels_and_borders():
    def of(texts, labels):
        batch = pa.record_batch({"text": pa.array(texts, pa.large_string())})
        return Rows((batch,), np.array(labels), np.arange(len(texts))).fingerprint

    assert len({of(["ab", "c"], [0, 1]), of(["a", "bc"], [0, 1]), of(["ab", "c"], [1, 0]), of(["ab", "d"], [0, 1])}) == 4


def test_join():
    (first, texts), (second, more) = rows_in(3, 4), rows_in(2, prefix="other")
    joined = first.select(np.array([6, 0])).join(second)
    assert joined.texts() == [texts[6], texts[0], *more]
    assert joined.labels.tolist() == [0, 0, 0, 1]
