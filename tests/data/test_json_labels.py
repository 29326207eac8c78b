"""Sets of labels and tags in json are read as the other formats give them, or refused; never as something else."""

from __future__ import annotations

import json

import numpy as np
import pytest

CELLS = ["sports", "sports,news", "", "news , weather"]


def lines(cells, text=None):
    rows = [{"text": text or f"text {row}", "label": cell} for row, cell in enumerate(cells)]
    return "\n".join(map(json.dumps, rows))


def test_cells_are_cut_at_the_separator_as_in_csv(write, open_):
    settings = {"kind": "classes", "separator": ","}
    found = open_(train=write("a.jsonl", lines(CELLS * 5)), **settings)
    table = "text,label\n" + "".join(f'text {row},"{cell}"\n' for row, cell in enumerate(CELLS * 5))
    same = open_(train=write("a.csv", table), **settings)
    assert found.labels == same.labels == ("news", "sports", "weather")
    assert np.array_equal(found.train.labels, same.train.labels)
    assert found.train.labels.sum(axis=1).min() == 0.0


def test_lists_and_single_labels_may_stand_beside_cut_cells(write, open_):
    cells = ["a,b", ["a", "c,d"], 7, []] * 5
    assert open_(train=write("a.jsonl", lines(cells)), kind="classes", separator=",").labels == ("7", "a", "b", "c,d")
    assert open_(train=write("b.jsonl", lines(["x", ["x", "y"]] * 5)), kind="classes").labels == ("x", "y")


@pytest.mark.parametrize("cell", [[1.0, 0.0, 1.0], [0, 0], ["x", "y", "x"]])
def test_a_list_that_names_a_label_twice_is_refused(write, refused, cell):
    message = refused("D113", train=write("a.jsonl", lines([["x"], ["x", "y"], cell])), kind="classes")
    assert "row 3" in message
    assert "0 or 1 for every label" in message


def test_tags_and_words_must_be_lists(write, refused):
    assert "'text' holds a str" in refused("D106", train=write("a.jsonl", lines(["O X"] * 3, "a b")), kind="tags")
    assert "row 1: 'label' holds a str" in refused("D107", train=write("b.jsonl", lines(["O X"] * 3, ["a", "b"])), kind="tags")
