"""Inputs for any graph, and rows that stand for all."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.measuring.feeds import Cell, choose_rows, feeds_of_samples, fitting_cells, made_up_feeds, real_feeds

BERT = [
    {"name": "input_ids", "type": "tensor(int64)", "shape": ["batch", "sequence"]},
    {"name": "attention_mask", "type": "tensor(int64)", "shape": ["batch", "sequence"]},
    {"name": "token_type_ids", "type": "tensor(int32)", "shape": ["batch", "sequence"]},
]


def make(inputs: list[dict], cell: Cell, **given: object) -> dict[str, np.ndarray]:
    known = {"token_ids": np.array([7, 8, 9]), "seed": 0, "shapes": {}}
    return made_up_feeds(inputs, cell, **{**known, **given})[0]  # type: ignore[arg-type]


def test_tokens_come_from_the_given_ids_and_masks_are_ones() -> None:
    feed = make(BERT, Cell(4, 6))
    assert {name: array.shape for name, array in feed.items()} == dict.fromkeys(feed, (4, 6))
    assert set(feed["input_ids"].ravel()) == {7, 8, 9}
    assert feed["attention_mask"].all()
    assert not feed["token_type_ids"].any()
    assert feed["token_type_ids"].dtype == np.int32


def test_fixed_sizes_replace_the_asked_ones() -> None:
    fixed = [{**each, "shape": [2, 5]} for each in BERT]
    assert fitting_cells([Cell(1, 16), Cell(8, 64), Cell(1, "data")], fixed, None) == [Cell(2, 5), Cell(1, "data")]
    assert make(fixed, Cell(2, 5))["input_ids"].shape == (2, 5)


def test_an_image_gets_its_size_and_no_length() -> None:
    image = [{"name": "pixels", "type": "tensor(float)", "shape": ["batch", 3, "height", "width"]}]
    assert fitting_cells([Cell(1, 16), Cell(1, 64), Cell(8, 16)], image, None) == [Cell(1, None), Cell(8, None)]
    assert make(image, Cell(8, None))["pixels"].shape == (8, 3, 224, 224)
    assert make(image, Cell(8, None), shapes={"pixels": [1, 3, 8, 8]})["pixels"].shape == (1, 3, 8, 8)


def test_a_size_of_unknown_meaning_is_asked_for() -> None:
    odd = [{"name": "features", "type": "tensor(float)", "shape": ["batch", "what"]}]
    with pytest.raises(StageError, match="features") as caught:
        make(odd, Cell(1, None))
    assert "--shape features=" in caught.value.problem.hint


def test_chosen_rows_have_the_lengths_of_all() -> None:
    lengths = np.random.default_rng(0).integers(3, 200, size=5000)
    rows = choose_rows(lengths, 64)
    assert len(set(rows.tolist())) == 64
    for percent in (10, 50, 90):
        assert np.percentile(lengths[rows], percent) == pytest.approx(np.percentile(lengths, percent), abs=5)
    assert sorted(choose_rows(lengths[:5], 64).tolist()) == [0, 1, 2, 3, 4]


def test_samples_may_be_token_ids_alone() -> None:
    feed = feeds_of_samples([np.array([3, 4, 5])], BERT)[0]
    assert feed["input_ids"].tolist() == [[3, 4, 5]]
    assert feed["attention_mask"].tolist() == [[1, 1, 1]]
    again = feeds_of_samples([feed], BERT)[0]
    assert all(np.array_equal(again[name], feed[name]) for name in feed)


def test_real_rows_are_fed_one_by_one_with_the_inputs_of_the_interface() -> None:
    class Rows:
        def __len__(self) -> int:
            return 3

        def batch(self, indices: np.ndarray) -> dict[str, np.ndarray]:
            ids = np.full((1, int(indices[0]) + 1), indices[0], dtype=np.int64)
            return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": ids * 0, "labels": indices}

    interface = {"inputs": {"input_ids": {"dtype": "int64"}, "attention_mask": {"dtype": "int64"}}}
    feeds = real_feeds(Rows(), [2, 0], interface)
    assert [feed["input_ids"].shape for feed in feeds] == [(1, 3), (1, 1)]
    assert set(feeds[0]) == {"input_ids", "attention_mask"}
