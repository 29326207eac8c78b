"""What is new passes once; held-out texts never pass; the counts add up."""

from __future__ import annotations

import numpy as np

from compactor.augmentation.sieve import Count, Seen, Sieve
from compactor.data.duplicates import keys_of, text_keys


def test_the_set_of_keys_agrees_with_pythons_own(rows):
    generator = np.random.default_rng(0)
    keys = generator.integers(0, 3000, 4000).astype(np.uint64)
    mine, oracle = Seen(keys[:10]), set(keys[:10].tolist())
    for start in range(10, len(keys), 37):
        block = keys[start : start + 37]
        assert mine.has(block).tolist() == [key in oracle for key in block.tolist()]
        mine.add(block[~mine.has(block)])
        oracle |= set(block.tolist())
        assert len(mine) == len(oracle)
    assert len(mine._runs) <= 1 + np.log2(len(oracle))
    assert sum(run.nbytes for run in mine._runs) == 8 * len(oracle), "no object a key"


def test_duplicates_leaks_and_empty_texts_are_held_back_and_counted(rows):
    train, test = rows(["Where is it", "my card"]), rows(["A secret text"])
    sieve, count = Sieve(text_keys(train), text_keys(test)), Count()
    texts = ["new one", "where  IS it", "a SECRET  text", "", "New one", "another", " "]
    empty = np.array([not text.strip() for text in texts])
    admitted = sieve.admit(keys_of(texts), empty, count)
    assert [text for text, passes in zip(texts, admitted, strict=True) if passes] == ["new one", "another"]
    assert (count.made, count.kept, count.duplicates, count.leaks, count.empty) == (7, 2, 2, 1, 2)
    assert not sieve.admit(keys_of(["another"]), np.array([False]), count).any(), "a later block forgets what went before"


def test_the_size_of_the_blocks_changes_nothing(rows):
    generator = np.random.default_rng(1)
    texts = [f"text {number}" for number in generator.integers(0, 60, 200)]

    def passed(size):
        sieve = Sieve(text_keys(rows(["text 3"])), text_keys(rows(["text 4"])))
        blocks = [texts[start : start + size] for start in range(0, len(texts), size)]
        return [
            text
            for block in blocks
            for text, ok in zip(block, sieve.admit(keys_of(block), np.zeros(len(block), bool), Count()), strict=True)
            if ok
        ]

    assert passed(7) == passed(200)
    assert "text 4" not in passed(7)
    assert "text 3" not in passed(7)


def test_keys_of_texts_in_hand_are_those_of_rows(rows):
    assert keys_of(["A b"], ["c"]).tolist() == text_keys(rows(["a  B"], pairs=["C"])).tolist()
    assert keys_of(["A b"]).tolist() != text_keys(rows(["a  B"], pairs=["C"])).tolist()
