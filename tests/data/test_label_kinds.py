"""Sets of labels, numbers and tags: read from every format, kept through splits, refused with the row when they are wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest

from compactor.base.errors import CompactorError
from compactor.base.reporter import Reporter
from compactor.data import DataSettings, open_data

pa = pytest.importorskip("pyarrow")

SETS = [("a b", ["x", "y"]), ("c", []), ("d e", ["y"]), ("f", ["x"]), ("g", ["z", "x"]), ("h", ["y", "z"])]
SENTENCES = [
    (["EU", "rejects", "German", "call"], ["B-ORG", "O", "B-MISC", "O"]),
    (["Peter", "Blackburn"], ["B-PER", "I-PER"]),
    (["BRUSSELS"], ["B-LOC"]),
    (["I-PER", "alone", "is", "no", "tag"], ["O", "O", "O", "O", "O"]),
    (["in", "New", "York"], ["O", "B-LOC", "I-LOC"]),
]


@pytest.fixture
def read(tmp_path):
    """Open a training file as it is: the validation rows come from a copy of it."""

    def read(kind, **settings):
        given = DataSettings(**{"validation": settings["train"]} | settings)
        return open_data(
            given, near=(tmp_path,), seed=0, cache=tmp_path / "cache", online=False, reporter=Reporter(), kind=kind
        )

    return read


def sets_of(rows, labels):
    return [{labels[place] for place in np.flatnonzero(row)} for row in rows.labels]


def test_lists_of_names_become_columns(read, write):
    write("a.jsonl", "\n".join(json.dumps({"text": text, "label": names}) for text, names in SETS))
    data = read("classes", train="a.jsonl")
    assert data.labels == ("x", "y", "z")
    assert data.train.labels.dtype == np.float32
    assert sets_of(data.train, data.labels) == [set(names) for _, names in SETS]
    assert any("0.0%" in finding.sentence or "16.7%" in finding.sentence for finding in data.findings)


def test_every_format_gives_the_same_sets(read, write, tmp_path):
    import pyarrow.parquet as pq

    write("a.json", json.dumps([{"text": text, "label": names} for text, names in SETS]))
    write("a.csv", "text,label\n" + "\n".join(f"{text},{'|'.join(names)}" for text, names in SETS) + "\n")
    table = pa.table(
        {"text": [text for text, _ in SETS], "label": pa.array([names for _, names in SETS], pa.list_(pa.string()))}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    found = [read("classes", train=name, separator="|") for name in ("a.json", "a.csv", "a.parquet")]
    assert len({data.fingerprint for data in found}) == 1
    assert sets_of(found[1].train, found[1].labels) == [set(names) for _, names in SETS]


def test_a_cell_that_cannot_be_cut_is_refused(read, write):
    write("a.csv", "text,label\na,x|y\nb,z\n")
    with pytest.raises(CompactorError, match=r"D107.*data\.separator"):
        read("classes", train="a.csv")


def test_rare_labels_are_on_both_sides_of_a_split(tmp_path, write):
    rows = [{"text": f"row {n}", "label": ["common"] + ["rare"] * (n % 10 == 0)} for n in range(200)]
    write("a.jsonl", "\n".join(map(json.dumps, rows)))
    settings = DataSettings(train="a.jsonl", validation=0.2)
    data = open_data(
        settings, near=(tmp_path,), seed=0, cache=tmp_path / "c", online=False, reporter=Reporter(), kind="classes"
    )
    rare = data.labels.index("rare")
    assert data.validation.labels[:, rare].sum() == 4
    assert data.train.labels[:, rare].sum() == 16


@pytest.mark.parametrize("cells", [["1.5", "-2", "3e1", "0"], [1.5, -2, 30.0, 0]])
def test_numbers(read, write, cells):
    write("a.jsonl", "\n".join(json.dumps({"text": f"t{n}", "label": cell}) for n, cell in enumerate(cells)))
    data = read("number", train="a.jsonl")
    assert data.labels == ("label",)
    assert data.train.labels.tolist() == [[1.5], [-2.0], [30.0], [0.0]]
    assert data.train.labels.dtype == np.float32
    assert "from -2 to 30" in data.findings[0].sentence


@pytest.mark.parametrize(("cell", "row"), [("two", "not a number"), ("", "row 2"), ("nan", "row 2"), ("inf", "row 2")])
def test_what_is_no_number_is_refused(read, write, cell, row):
    write("a.csv", f"text,label\na,1\nb,{cell}\nc,3\n")
    with pytest.raises(CompactorError, match=rf"D107.*{row}"):
        read("number", train="a.csv")


def test_a_split_of_numbers_has_small_and_large_ones_on_both_sides(tmp_path, write):
    write("a.csv", "text,label\n" + "\n".join(f"row {n},{n}" for n in range(100)) + "\n")
    settings = DataSettings(train="a.csv", validation=0.2)
    data = open_data(settings, near=(tmp_path,), seed=0, cache=tmp_path / "c", online=False, reporter=Reporter(), kind="number")
    assert (np.histogram(data.validation.labels, bins=10, range=(0, 100))[0] == 2).all()


def conll(sentences):
    return "\n\n".join("\n".join(f"{word} POS {tag}" for word, tag in zip(*each, strict=True)) for each in sentences) + "\n"


def test_tags_from_every_format(read, write, tmp_path):
    import pyarrow.parquet as pq

    write("a.conll", "-DOCSTART- -X- O\n\n" + conll(SENTENCES))
    write("a.txt", "# sent_id = 1\n" + conll(SENTENCES).replace(" ", "\t"))
    write("a.jsonl", "\n".join(json.dumps({"text": words, "label": tags}) for words, tags in SENTENCES))
    columns = [pa.array(column, pa.list_(pa.string())) for column in zip(*SENTENCES, strict=True)]
    pq.write_table(pa.table(columns, names=["text", "label"]), tmp_path / "a.parquet")
    found = [read("tags", train=name) for name in ("a.conll", "a.txt", "a.jsonl", "a.parquet")]
    assert len({data.fingerprint for data in found}) == 1
    data = found[0]
    assert data.labels == ("O", "B-LOC", "B-MISC", "B-ORG", "B-PER", "I-LOC", "I-PER")
    assert data.train.words() == [words for words, _ in SENTENCES]
    assert data.train.texts(1, 2) == ["Peter Blackburn"]
    assert data.train.answers == sum(len(words) for words, _ in SENTENCES)
    named = [[data.labels[tag] for tag in row if tag >= 0] for row in data.train.labels]
    assert named == [tags for _, tags in SENTENCES]


def test_rows_of_words_are_chosen_with_their_tags(read, write):
    write("a.conll", conll(SENTENCES))
    data = read("tags", train="a.conll")
    some = data.train.select(np.array([4, 1]))
    both = some.join(data.train)
    assert some.words() == [SENTENCES[4][0], SENTENCES[1][0]]
    assert [row[row >= 0].tolist() for row in some.labels] == [row[row >= 0].tolist() for row in data.train.labels[[4, 1]]]
    assert len(both) == 7
    assert [row[row >= 0].tolist() for row in both.labels[2:]] == [row[row >= 0].tolist() for row in data.train.labels]
    assert both.select(np.array([0, 1])).fingerprint == some.fingerprint
    assert some.fingerprint != data.train.select(np.array([1, 4])).fingerprint


def test_words_and_tags_must_be_equally_many(read, write):
    write("a.jsonl", json.dumps({"text": ["a"], "label": ["O"]}) + "\n" + json.dumps({"text": ["a", "b"], "label": ["O"]}))
    with pytest.raises(CompactorError, match=r"D112.*row 2 has 2 words and 1 tags"):
        read("tags", train="a.jsonl")


def test_a_word_without_a_tag_is_told_with_its_line(read, write):
    write("a.conll", "EU B-ORG\nrejects\n")
    with pytest.raises(CompactorError) as caught:
        read("tags", train="a.conll")
    assert caught.value.problem.code == "D104"
    assert (caught.value.problem.place.line, "rejects" in caught.value.problem.sentence) == (2, True)


def test_a_conll_file_for_another_task_is_refused(read, write):
    write("a.conll", conll(SENTENCES))
    with pytest.raises(CompactorError, match=r"D101.*token-classification"):
        read("class", train="a.conll")


def test_tags_named_by_a_feature_keep_its_order(read, tmp_path):
    datasets = pytest.importorskip("datasets")
    names = ["B-X", "O", "I-X"]
    features = datasets.Features(
        {"text": datasets.Sequence(datasets.Value("string")), "label": datasets.Sequence(datasets.ClassLabel(names=names))}
    )
    rows = {"text": [["a", "b"], ["c"]], "label": [[0, 2], [1]]}
    dataset = datasets.Dataset.from_dict(rows, features=features)
    dataset.save_to_disk(str(tmp_path / "saved"))
    dataset.to_parquet(str(tmp_path / "a.parquet"))
    for name in ("saved", "a.parquet"):
        data = read("tags", train=name)
        assert data.labels == tuple(names)
        assert data.train.tags.values.tolist() == [0, 2, 1]
