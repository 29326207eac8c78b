"""parquet: types that pandas and `datasets` write."""

from __future__ import annotations

import math

import pytest

from tests.data.conftest import rows_of

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def table(tmp_path):
    def table(name="a.parquet", **columns):
        pq.write_table(pa.table(columns), tmp_path / name, row_group_size=3)
        return name

    return table


TEXTS = [f"text {n}" for n in range(8)]


@pytest.mark.parametrize(
    "labels",
    [
        pa.array([1, 0] * 4, pa.int8()),
        pa.array([1.0, 0.0] * 4),
        pa.array(["1", "0"] * 4).dictionary_encode(),
        pa.array(["1", "0"] * 4, pa.string_view()),
    ],
)
def test_label_types(table, open_, labels):
    data = open_(train=table(text=TEXTS, label=labels))
    assert data.labels == ("0", "1")
    assert ("text 0", "1") in rows_of(data)


def test_true_and_false(table, open_):
    assert open_(train=table(text=TEXTS, label=[True, False] * 4)).labels == ("false", "true")


def test_missing_labels(table, refused):
    labels = [0.0, 1.0] * 3 + [math.nan, 0.0]
    assert "row 7: the label is missing" in refused("D107", train=table(text=TEXTS, label=labels))
    assert "row 2: the label is missing" in refused("D107", train=table("b.parquet", text=TEXTS, label=["a", None] * 4))
    assert "fractions" in refused("D107", train=table("c.parquet", text=TEXTS, label=[0.5, 1.0] * 4))


def test_nan_in_a_float_text_column(table, refused):
    message = refused("D106", train=table(text=[1.0, 2.0, math.nan, 4.0], label=[0, 1, 0, 1]))
    assert "a.parquet, row 3: 'text' is NaN" in message


def test_null_text_is_empty_and_counted(table, open_):
    data = open_(train=table(text=[None, " ", *TEXTS[2:]], label=[0, 1] * 4))
    assert rows_of(data)[0] == ("", "0")
    assert any(finding.code == "D203" and finding.sentence.startswith("2 rows") for finding in data.findings)


def test_lists_are_no_text(table, refused):
    assert "list" in refused("D106", train=table(text=[["a"], ["b"]], label=[0, 1]))
    assert "struct" in refused("D107", train=table("b.parquet", text=["a", "b"], label=[{"x": 1}, {"x": 2}]))


def test_not_parquet(write, refused):
    assert "cannot be read as parquet" in refused("D104", train=write("a.parquet", "text,label\n"))


def test_bytes_that_are_not_utf8(table, refused):
    refused("D103", train=table(text=pa.array([b"fine", b"\xff"], pa.binary()), label=[0, 1]))
