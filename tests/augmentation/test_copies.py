"""Copies depend on seed, row and copy alone; pairs are changed on the wanted side."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from compactor.augmentation.copies import Copier, in_blocks
from compactor.augmentation.corpus import Corpus
from compactor.augmentation.operations import parse_noise
from tests.augmentation.conftest import LABELS, TEXTS


def copier(rows, noise=("drop", "swap", "replace", "splice", "typos"), copies=8, **options):
    corpus = Corpus(rows)
    changes = [(term.name, term.weight, term.operation.open(corpus)) for term in parse_noise(list(noise))]
    return Copier(changes, copies, **{"seed": (3, 1), **options})


def all_copies(rows, size, **options):
    given = copier(rows, **options)
    blocks = [given.block(rows, start, stop) for start, stop in in_blocks(len(rows), size)]
    return [text for texts, _ in blocks for text in texts], [pair for _, pairs in blocks for pair in pairs or ()]


def test_the_size_of_the_blocks_changes_no_copy(rows):
    given = rows(TEXTS, LABELS)
    whole = all_copies(given, 100)
    assert len(whole[0]) == 8 * len(TEXTS)
    assert all_copies(given, 1) == whole == all_copies(given, 4)
    assert all_copies(given, 100, seed=(4, 1)) != whole


def test_more_copies_begin_with_the_same_ones(rows):
    given = rows(TEXTS, LABELS)
    few, many = all_copies(given, 100, copies=2)[0], all_copies(given, 100, copies=5)[0]
    assert [many[5 * row + copy] for row in range(len(TEXTS)) for copy in range(2)] == few


@pytest.mark.parametrize(
    ("sides", "wanted"), [("first", {(1, 0)}), ("second", {(0, 1)}), ("both", {(1, 1)}), ("one", {(1, 0), (0, 1)})]
)
def test_pairs_are_changed_on_the_wanted_side(rows, sides, wanted):
    pairs = [text[::-1] for text in TEXTS]
    texts, seconds = all_copies(rows(TEXTS, LABELS, pairs), 3, noise=["drop"], sides=sides)
    changed = {
        (int(text != TEXTS[number // 8]), int(pair != pairs[number // 8]))
        for number, (text, pair) in enumerate(zip(texts, seconds, strict=True))
    }
    assert changed == wanted


def test_operations_are_drawn_by_weight_and_counted(rows):
    given = copier(rows(TEXTS, LABELS), noise=[{"drop": {"weight": 3}}, "swap"], copies=200)
    given.block(rows(TEXTS, LABELS), 0, len(TEXTS))
    assert sum(given.made.values()) == 200 * len(TEXTS)
    assert given.made["drop"] / given.made["swap"] == pytest.approx(3, rel=0.15)


def test_several_operations_at_once_go_further(rows):
    def distance(at_once):
        texts, _ = all_copies(rows(TEXTS, LABELS), 100, noise=["drop"], at_once=at_once)
        return sum((Counter(TEXTS[n // 8].split()) - Counter(text.split())).total() for n, text in enumerate(texts))

    assert distance(3) > 1.5 * distance(1)


def test_rows_that_are_not_wanted_are_not_asked_for(rows):
    given = rows(TEXTS, LABELS)
    wanted = np.arange(len(TEXTS)) % 3 == 1
    one = copier(given, copies=2)
    some = [text for start, stop in in_blocks(len(TEXTS), 4) for text in one.block(given, start, stop, wanted=wanted)[0]]
    whole = all_copies(given, 100, copies=2)[0]
    assert some == [whole[2 * row + copy] for row in np.flatnonzero(wanted) for copy in range(2)]
    assert sum(one.made.values()) == len(some)
