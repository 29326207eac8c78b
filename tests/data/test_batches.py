"""Batches: every row once, little padding, random order."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.data import grouped_batches


@pytest.mark.parametrize("rows", [0, 1, 31, 32, 33, 9002])
def test_every_row_once(rows):
    batches = grouped_batches(np.random.default_rng(0).integers(3, 60, rows), 32, np.random.default_rng(1))
    assert sorted(row for batch in batches for row in batch) == list(range(rows))
    assert all(len(batch) == 32 for batch in batches) or sum(len(batch) < 32 for batch in batches) == 1


@pytest.mark.parametrize("seed", range(3))
def test_under_five_percent_of_padding(seed):
    rng = np.random.default_rng(seed)
    # Token counts of short customer questions: log-normal with a tail, cut at 64 (fitted to Banking77).
    lengths = np.clip(np.exp(rng.normal(2.68, 0.43, 9002)).round(), 4, 64).astype(np.int64)
    batches = grouped_batches(lengths, 32, rng)
    padded = sum(len(batch) * int(lengths[batch].max()) for batch in batches)
    assert 1 - lengths.sum() / padded < 0.05


def test_order_is_random_and_follows_the_generator():
    lengths = np.random.default_rng(0).integers(3, 60, 3000)
    once = grouped_batches(lengths, 32, np.random.default_rng(5))
    same = grouped_batches(lengths, 32, np.random.default_rng(5))
    assert all((a == b).all() for a, b in zip(once, same, strict=True))
    rng = np.random.default_rng(5)
    first, second = grouped_batches(lengths, 32, rng), grouped_batches(lengths, 32, rng)
    assert any(a.tolist() != b.tolist() for a, b in zip(first, second, strict=False))
    means = np.array([lengths[batch].mean() for batch in once])
    assert abs(np.corrcoef(np.arange(len(means)), means)[0, 1]) < 0.3
