"""Texts that stand inside longer texts of another split."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.data import contained
from compactor.data.contained import count_contained
from compactor.data.duplicates import text_keys
from compactor.data.findings import describe
from compactor.data.rows import Rows

pa = pytest.importorskip("pyarrow")


def rows_of(*texts: str) -> Rows:
    batch = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    return Rows((batch,), np.arange(len(texts)) % 2, np.arange(len(texts)))


def test_whole_words_in_a_row_count_and_nothing_else() -> None:
    train = rows_of("It is a Gripping  and moving film about love", "so very dull", "a film\nabout nothing at all")
    held = rows_of(
        "gripping and moving film",  # inside the first, but for case and spaces
        "moving and gripping film",  # other order
        "ripping and moving film",  # half a word
        "and moving",  # two words stand in many texts
        "about love so very",  # runs from one text into the next
        "FILM about nothing",
        "so very dull",  # equal: counted elsewhere
    )
    equal = np.array([False] * 6 + [True])
    assert count_contained(held, train, equal=equal) == (2, 5)
    assert count_contained(held.select(np.array([3])), train, equal=np.array([False])) == (0, 0)


def test_of_many_texts_a_sample_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contained, "SAMPLE", 20)
    texts = [f"number {number} of many" for number in range(1000)]
    train, held = rows_of(*(f"this is {text} texts" for text in texts)), rows_of(*texts)
    assert count_contained(held, train, equal=np.zeros(1000, dtype=bool)) == (20, 20)


@pytest.mark.parametrize(("inside", "told"), [(0, False), (1, False), (4, True)])
def test_a_person_is_told_from_a_tenth_on(inside: int, told: bool) -> None:
    train = rows_of(*(f"a longer sentence has phrase number {number} in it" for number in range(20)))
    held = rows_of(
        *(f"phrase number {number}" if number < inside else f"another text {number} altogether" for number in range(20))
    )
    splits = {"train": train, "validation": held}
    keys = {name: text_keys(rows) for name, rows in splits.items()}
    said = [finding.sentence for finding in describe(splits, keys, ("no", "yes"), 0) if finding.code == "D210"]
    assert said == (
        [f"of 20 validation texts looked at, {inside} stand word for word inside a longer training text"] if told else []
    )
