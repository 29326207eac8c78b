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


# Token counts of real texts, special pieces included: log-normal with a tail, or geometric for phrases, cut at a limit.
LENGTHS = {
    "questions to a bank": lambda rng: np.clip(np.exp(rng.normal(2.68, 0.43, 9002)).round(), 4, 64),
    "phrases of film reviews": lambda rng: np.clip(rng.geometric(1 / 9.5, 67_349) + 2, 3, 66),
    "whole film reviews": lambda rng: np.clip(np.exp(rng.normal(5.4, 0.6, 25_000)).round(), 12, 256),
    "pairs of sentences": lambda rng: np.clip(np.exp(rng.normal(3.6, 0.5, 40_000)).round(), 8, 128),
}


@pytest.mark.parametrize("batch_size", [16, 32, 64])
@pytest.mark.parametrize("name", LENGTHS)
def test_under_five_percent_of_padding(name, batch_size):
    rng = np.random.default_rng(0)
    lengths = LENGTHS[name](rng).astype(np.int64)
    batches = grouped_batches(lengths, batch_size, rng)
    padded = sum(len(batch) * int(lengths[batch].max()) for batch in batches)
    assert 1 - lengths.sum() / padded < 0.05


def test_other_rows_meet_in_the_next_epoch():
    rng = np.random.default_rng(0)
    lengths = LENGTHS["questions to a bank"](rng).astype(np.int64)
    once, again = grouped_batches(lengths, 32, rng), np.empty(len(lengths), np.int64)
    for number, batch in enumerate(grouped_batches(lengths, 32, rng)):
        again[batch] = number
    together = [np.mean(again[batch[1:]] == again[batch[0]]) for batch in once if len(batch) > 1]
    assert np.mean(together) < 0.1


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
