"""Inputs for any graph, and rows that stand for all."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.measuring.cells import Cell, fitting_cells
from compactor.measuring.feeds import choose_rows, feeds_of_samples, real_feeds
from compactor.measuring.made_up import how_filled, made_up_feeds, mixed_feeds, with_sizes

BERT = [
    {"name": "input_ids", "type": "tensor(int64)", "shape": ["batch", "sequence"]},
    {"name": "attention_mask", "type": "tensor(int64)", "shape": ["batch", "sequence"]},
    {"name": "token_type_ids", "type": "tensor(int32)", "shape": ["batch", "sequence"]},
]


def make(inputs: list[dict], cell: Cell, **given: object) -> dict[str, np.ndarray]:
    known = {"token_ids": np.array([7, 8, 9]), "seed": 0}
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
    assert make(with_sizes(image, {"pixels": [1, 3, 8, 8]}), Cell(8, None))["pixels"].shape == (1, 3, 8, 8)


def test_a_free_dimension_can_be_given_by_its_name() -> None:
    odd = [{"name": "features", "type": "tensor(float)", "shape": ["batch", "what"]}]
    assert make(with_sizes(odd, {"what": [7]}), Cell(3, None))["features"].shape == (3, 7)
    assert with_sizes(BERT, {"batch": [4]})[0]["shape"] == [4, "sequence"]
    with pytest.raises(StageError, match="no free dimension wat") as caught:
        with_sizes(odd, {"wat": [7]})
    assert "features" in str(caught.value)
    with pytest.raises(StageError, match="has 2 dimensions"):
        with_sizes(odd, {"features": [1, 2, 3]})


def test_telling_names_of_dimensions_need_no_size() -> None:
    image = [{"name": "x", "type": "tensor(float)", "shape": ["n", "num_channels", "image_height", "image_width"]}]
    assert make(image, Cell(2, None))["x"].shape == (2, 3, 224, 224)
    decoder = [
        {"name": "input_ids", "type": "tensor(int64)", "shape": ["batch", "sequence_length"]},
        {"name": "attention_mask", "type": "tensor(int64)", "shape": ["batch", "past_sequence_length + sequence_length"]},
        {"name": "past.0.key", "type": "tensor(float)", "shape": ["batch", 2, "past_sequence_length", 4]},
    ]
    feed = make(decoder, Cell(1, 5))
    assert [array.shape for array in feed.values()] == [(1, 5), (1, 5), (1, 2, 0, 4)]


def test_made_up_ids_stay_within_the_rows_of_the_table() -> None:
    feed = made_up_feeds(BERT, Cell(8, 64), token_ids=np.arange(2), seed=0, table_rows={"input_ids": 100})[0]
    assert feed["input_ids"].max() < 100
    assert len(set(feed["input_ids"].ravel())) > 50
    assert how_filled(BERT[0], 2, {"input_ids": 100}) == "random ids below 100, the rows of the table that they index"
    assert how_filled(BERT[0], 2, {"input_ids": 100}, beside_real=True) == "ids drawn at random from those of the real inputs"
    assert how_filled(BERT[1], 2, {}) == how_filled(BERT[1], 2, {}, beside_real=True) == "ones"


def test_mixed_inputs_have_many_lengths() -> None:
    feeds = mixed_feeds(BERT, 30, token_ids=np.arange(9), seed=0, table_rows={})
    lengths = {feed["input_ids"].shape for feed in feeds}
    assert len(feeds) == 200
    assert {shape[0] for shape in lengths} == {1}
    assert {shape[1] for shape in lengths} == set(range(1, 31))


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
