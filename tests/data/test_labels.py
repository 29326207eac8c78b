"""Label names, their order, and labels that do not fit."""

from __future__ import annotations

import numpy as np
import pytest

from tests.data.conftest import FEW, rows_of


def csv_of(labels):
    return "text,label\n" + "".join(f"text {n},{label}\n" for n, label in enumerate(labels))


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["b", "a", "c"], ("a", "b", "c")),
        (["10", "9", "2"], ("2", "9", "10")),
        (["1", "0", "2"], ("0", "1", "2")),
        (["1.0", "0.0", "1.0"], ("0", "1")),
        (["-1", "1", "-1"], ("-1", "1")),
        ([" x", "y ", "x"], ("x", "y")),
        (["B", "a", "é"], ("B", "a", "é")),
    ],
)
def test_order_of_names(write, open_, labels, names):
    data = open_(train=write("a.csv", csv_of(labels * 3)))
    assert data.labels == names
    assert data.train.labels.dtype == np.int64
    assert len(rows_of(data)) == 9


def test_ids_from_zero_keep_their_numbers(write, open_):
    data = open_(train=write("a.csv", csv_of([2, 0, 1] * 5)))
    for text, label in zip(data.train.texts(), data.train.labels, strict=True):
        assert label == [2, 0, 1][int(text.split()[1]) % 3]


def test_unknown_label_in_test_and_validation(write, refused):
    train, other = write("a.csv", FEW), write("b.csv", "text,label\nx,pos\ny,mixed\n")
    assert "b.csv, row 2: the test label 'mixed' does not occur in the training data" in refused(
        "D109", train=train, test=other
    )
    assert "the validation label 'mixed'" in refused("D109", train=train, validation=other)


def test_one_class_only(write, refused):
    assert "every row has the label 'x'" in refused("D108", train=write("a.csv", csv_of(["x"] * 5)))


def test_texts_for_labels(write, refused):
    assert "right column" in refused("D108", train=write("a.csv", csv_of(range(10_001))))


@pytest.mark.parametrize("hole", ["", " ", "nan", "NaN"])
def test_missing_label_in_csv(write, refused, hole):
    assert "a.csv, row 3" in refused("D107", train=write("a.csv", csv_of(["1", "0", hole, "1", "0"])))


def test_nan_is_a_name_among_names(write, open_):
    assert open_(train=write("a.csv", csv_of(["nan", "grandpa"] * 4))).labels == ("grandpa", "nan")


def test_a_test_split_may_lack_a_class_and_write_numbers_otherwise(write, open_):
    data = open_(train=write("a.csv", csv_of(["1", "0", "2"] * 4)), test=write("b.csv", csv_of(["2.0", "1.0"])))
    assert data.test.labels.tolist() == [2, 1]
