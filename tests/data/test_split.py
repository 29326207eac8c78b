"""The validation split: stratified, seeded, equal texts on one side."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.base.errors import DataError
from compactor.data.split import stratified_split


def keys_of(labels):
    return np.arange(len(labels), dtype=np.uint64)


def split(labels, share=0.1, seed=0, keys=None):
    labels = np.asarray(labels)
    return stratified_split(labels, keys_of(labels) if keys is None else keys, share, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_every_class_gets_its_share(seed, share):
    labels = np.random.default_rng(seed).choice(6, size=500, p=[0.5, 0.2, 0.15, 0.1, 0.04, 0.01])
    train, validation = split(labels, share, seed)
    assert sorted([*train, *validation]) == list(range(500))
    assert len(validation) == round(500 * share)
    held, all_rows = np.bincount(labels[validation], minlength=6), np.bincount(labels, minlength=6)
    assert (np.abs(held - all_rows * share) < 1).all()


def test_every_class_keeps_a_training_row():
    labels = [0] * 50 + [1, 2, 2, 3, 3, 3]
    for seed in range(10):
        train, _ = split(labels, 0.5, seed)
        assert set(np.asarray(labels)[train]) == {0, 1, 2, 3}


def test_seed_decides():
    labels = [0, 1] * 100
    assert (split(labels, seed=1)[1] == split(labels, seed=1)[1]).all()
    assert (split(labels, seed=1)[1] != split(labels, seed=2)[1]).any()


def test_equal_texts_stay_together():
    keys = np.repeat(np.arange(60, dtype=np.uint64), 3)
    train, validation = split(np.repeat([0, 1, 2] * 20, 3), 0.2, keys=keys)
    assert not set(keys[train]) & set(keys[validation])
    assert len(validation) == 36


def test_values_of_keys_do_not_matter():
    """Keys are hashes that differ from process to process."""
    labels = np.arange(200) % 4
    keys = np.arange(200) // 2
    other = np.random.default_rng(1).permutation(100)[keys]
    assert (split(labels, keys=keys)[1] == split(labels, keys=other)[1]).all()


def test_a_class_that_only_repeats_held_out_texts_is_given_back():
    labels = np.array([0, 1, 2, 2, 0, 0])
    for seed in range(20):
        train, _ = split(labels, 0.4, seed, keys=np.array([1, 1, 2, 3, 4, 5], dtype=np.uint64))
        assert set(labels[train]) == {0, 1, 2}


@pytest.mark.parametrize("labels", [[0, 1], [0, 0, 1, 1]])
def test_too_few_rows(labels):
    with pytest.raises(DataError, match="too few"):
        split(labels, 0.05)
