"""parquet: types that pandas and `datasets` write."""

from __future__ import annotations

import json
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


@pytest.fixture
def named(tmp_path):
    """Write a table whose label column has the names of a ClassLabel, as `datasets` notes them."""

    def named(label, names=("no", "yes"), nested=False):
        feature = {"names": list(names), "_type": "ClassLabel"}
        feature = {"feature": feature, "_type": "Sequence"} if nested else feature
        noted = json.dumps({"info": {"features": {"label": feature}}})
        given = pa.table({"text": [f"text {n}" for n in range(len(label))], "label": label})
        pq.write_table(given.replace_schema_metadata({"huggingface": noted}), tmp_path / "n.parquet", row_group_size=3)
        return "n.parquet"

    return named


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint16(), pa.int64(), pa.float32(), pa.float64()])
def test_numbers_of_any_type_become_the_names_of_their_classes(named, open_, kind):
    data = open_(train=named(pa.array([1, 0] * 4, kind)))
    assert data.labels == ("no", "yes")
    assert ("text 0", "yes") in rows_of(data)


@pytest.mark.parametrize("wrong", [-2, 2, 0.5, math.inf, -math.inf])
def test_a_number_without_a_name_is_told_with_its_row(named, refused, wrong):
    labels = [1, 0, 1, 0, wrong, 1]
    assert "row 5: the label" in refused("D107", train=named(labels if isinstance(wrong, int) else [float(n) for n in labels]))
    cells = [[1], [0, 1], [1], [], [0, -2]]
    assert "row 5: the label -2 has no name" in refused("D107", train=named(cells, nested=True), kind="classes")


def test_a_missing_number_is_a_missing_label(named, refused):
    for labels in ([1.0, 0.0, 1.0, 0.0, math.nan, 1.0], [1, 0, 1, 0, -1, 1], [1, 0, 1, 0, None, 1]):
        assert "row 5: the label is missing" in refused("D107", train=named(labels))


def test_names_in_a_column_that_should_have_numbers_are_told(named, refused):
    assert "not the numbers of its classes" in refused("D107", train=named(["no", "yes"] * 4))
