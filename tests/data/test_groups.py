"""Rows that belong together are set aside together."""

from __future__ import annotations

import json

import numpy as np
import pytest

from compactor.base.errors import DataError
from compactor.base.reporter import Reporter
from compactor.data import DataSettings, open_data
from compactor.data.groups import joined

HEAD = "text,label,document\n"


def lines(count: int, group: str = "{0}") -> str:
    """Rows of two labels; `group` is formatted with the row's tenth."""
    return "".join(f"text number {n},{'ab'[n // 10 % 2]},{group.format(n // 10)}\n" for n in range(count))


def documents(texts: list[str]) -> set[int]:
    return {int(text.split()[-1]) // 10 for text in texts}


@pytest.mark.parametrize("seed", range(3))
def test_a_document_is_on_one_side(write, open_, seed):
    data = open_(train=write("a.csv", HEAD + lines(400)), group="document", validation=0.2, seed=seed)
    held = documents(data.validation.texts())
    assert not held & documents(data.train.texts())
    assert (len(held), len(data.validation), len(data.train)) == (8, 80, 320)
    assert np.bincount(data.validation.labels).tolist() == [40, 40], "stratified"


def test_without_groups_documents_are_torn(write, open_):
    data = open_(train=write("a.csv", HEAD + lines(400)), validation=0.2)
    assert documents(data.validation.texts()) & documents(data.train.texts())


def test_rows_without_a_group_stand_alone(write, open_):
    data = open_(train=write("a.csv", HEAD + lines(100, group="")), group="document", validation=0.2)
    assert len(data.validation) == 20


def test_the_test_file_needs_no_such_column(write, open_):
    data = open_(
        train=write("a.csv", HEAD + lines(100)), test=write("b.csv", "text,label\nnew,a\n"), group="document", validation=0.2
    )
    assert len(data.test) == 1


def test_pairs_that_share_a_first_sentence(write, open_):
    rows = "".join(f"premise {n // 4},claim {n},{'ab'[n % 2]}\n" for n in range(200))
    data = open_(train=write("a.csv", "text,second,label\n" + rows), text_pair="second", group="text", validation=0.25)
    assert not set(data.train.texts()) & set(data.validation.texts())


def test_pairs_of_vectors(write, tmp_path):
    rows = "".join(f"one {n},other {n},{n * 7 % 400 / 400},{n // 4}\n" for n in range(400))
    settings = DataSettings(
        train=write("a.csv", "text,second,label,document\n" + rows), text_pair="second", group="document", validation=0.3
    )
    how = {"near": (tmp_path,), "seed": 0, "cache": tmp_path / "cache", "online": False, "reporter": Reporter()}
    data = open_data(settings, **how, kind="vector")
    held = {int(text.split()[-1]) // 4 for text in data.validation.texts()}
    assert held
    assert not held & {int(text.split()[-1]) // 4 for text in data.train.texts()}


def test_limit_takes_the_groups_of_its_rows(write, open_):
    data = open_(train=write("a.csv", HEAD + lines(400)), group="document", limit=120, validation=0.3)
    assert not documents(data.validation.texts()) & documents(data.train.texts())
    assert len(data.train) + len(data.validation) == 120


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "text,label,docment\nx,a,1\ny,b,2\n", "did you mean 'docment'"),
        ("a.jsonl", json.dumps({"text": "x", "label": "a"}), "no column 'document'"),
        ("a.csv", HEAD + "x,a,1\ny,b,1\nz,a,1\n", "3 training rows in 1 group are too few"),
    ],
)
def test_what_cannot_be(write, open_, name, content, said):
    with pytest.raises(DataError) as caught:
        open_(train=write(name, content), group="document")
    assert said in f"{caught.value} {caught.value.problem.hint}"


def test_tagged_words_have_no_column(write, tmp_path):
    settings = DataSettings(train=write("a.conll", "one NOUN\n\ntwo NOUN\n"), group="document")
    how = {"near": (tmp_path,), "seed": 0, "cache": tmp_path / "cache", "online": False, "reporter": Reporter()}
    with pytest.raises(DataError, match=r"D102: a\.conll holds tagged words and no column 'document'"):
        open_data(settings, **how, kind="tags")


def test_a_folder_of_images_has_no_column(tmp_path, refused):
    for label in ("cat", "dog"):
        (tmp_path / "pictures" / label).mkdir(parents=True)
        (tmp_path / "pictures" / label / "one.png").write_bytes(b"not looked at")
    assert "without columns" in refused("D102", train="pictures", group="document")


@pytest.mark.parametrize("further", [{"image": "file"}, {"validation": "b.csv"}])
def test_what_makes_no_sense_together(further):
    with pytest.raises(ValueError, match="`group`"):
        DataSettings(train="a.csv", group="document", **further)


def test_texts_and_groups_join_by_way_of_each_other():
    keys = np.array([1, 1, 2, 3, 3, 4], dtype=np.uint64)  # rows 0, 1 and rows 3, 4 are equal
    groups = np.array([7, 8, 8, 9, 10, 9], dtype=np.uint64)  # rows 1, 2 and rows 3, 5 are of one group
    assert joined(keys, groups).tolist() == [0, 0, 0, 3, 3, 3]
    chain = np.arange(50, dtype=np.uint64)
    assert set(joined(chain // 2, (chain + 1) // 2).tolist()) == {0}
    assert joined(keys[:0], groups[:0]).tolist() == []
