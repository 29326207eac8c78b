"""`init` writes a profile that `validate` accepts, guesses the columns, asks nothing and overwrites nothing."""

from __future__ import annotations

import json

import pytest

from compactor.cli._columns import guess_columns


@pytest.fixture
def model(tmp_path):
    (tmp_path / "model").mkdir()
    return tmp_path / "model"


def rows(path, header, *lines):
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


@pytest.mark.parametrize("architecture", ["BertModel", "BertForSequenceClassification"])
def test_the_profile_is_right_and_fits_the_model(compactor, tmp_path, model, architecture):
    rows(tmp_path / "train.csv", "id,text,category", "1,where is it,delivery")
    rows(tmp_path / "test.csv", "id,text,category", "1,where is it,delivery")
    (model / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    status, out, _ = compactor("init", "--data", "train.csv", "--model", "model", "--target", "laptop-cpu")
    assert status == 0
    assert out == (
        "wrote profile.yaml\ncolumns: text 'text', label 'category'\n"
        "next: compactor validate profile.yaml\n      compactor run profile.yaml\n"
    )
    text = (tmp_path / "profile.yaml").read_text()
    assert "  test: test.csv" in text
    assert ("train: {epochs: 8" in text) is (architecture == "BertModel"), "a fine-tuned model is taken as it is"
    status, out, err = compactor("validate", "profile.yaml")
    assert status == 0, err
    assert "name: train-laptop-cpu" in text


def test_without_anything_it_is_the_builtin_set_and_a_hub_model(compactor):
    status, out, _ = compactor("init", "-o", "new.yaml")
    assert status == 0
    assert out.endswith("compactor run new.yaml --online\n")
    status, _, err = compactor("validate", "new.yaml")
    assert status == 0, err


def test_a_target_without_int8_gets_what_it_has_kernels_for(compactor, tmp_path):
    assert compactor("init", "--target", "server-gpu")[0] == 0
    assert "quantize: {method: fp16}" in (tmp_path / "profile.yaml").read_text()


def test_the_run_is_named_after_the_data(compactor, tmp_path):
    (tmp_path / "bank 77").mkdir()
    rows(tmp_path / "bank 77" / "train.csv", "text,label", "a,b")
    assert compactor("init", "--data", "bank 77/train.csv")[0] == 0
    assert "name: bank-77-host" in (tmp_path / "profile.yaml").read_text()


def test_it_overwrites_nothing(compactor, tmp_path):
    (tmp_path / "profile.yaml").write_text("mine")
    status, _, err = compactor("init")
    assert status == 2
    assert err == "P060: profile.yaml is there already and is not overwritten (name another file with -o)\n"
    assert (tmp_path / "profile.yaml").read_text() == "mine"


def test_what_is_wrong_is_told_before_anything_is_written(compactor, tmp_path):
    status, _, err = compactor("init", "--data", "gone.csv", "--target", "laptop", "--task", "text-clasification")
    assert status == 2
    for words in (
        "there is no file gone.csv",
        "did you mean 'laptop-cpu'?",
        "did you mean 'text-classification'?",
        "3 problems",
    ):
        assert words in err
    assert not (tmp_path / "profile.yaml").exists()


@pytest.mark.parametrize(
    ("name", "content", "text", "pair", "label", "sure"),
    [
        ("a.csv", "Text,Category\nx,y\n", "Text", None, "Category", True),
        ("a.tsv", "sentence1\tsentence2\tlabel\nx\ty\t0\n", "sentence1", "sentence2", "label", True),
        (
            "a.csv",
            "id,was,art\n1,a rather long text,x\n2,another long text,y\n3,the third long text,x\n",
            "was",
            None,
            "art",
            False,
        ),
        (
            "a.jsonl",
            '{"utterance": "x", "intent": "y"}\n{"utterance": "z", "intent": "y"}\n',
            "utterance",
            None,
            "intent",
            True,
        ),
        ("a.json", '[{"body": "x", "tag": "y"}]', "body", None, "tag", True),
        ("a.csv", "\ufefftext,label\nx,y\n", "text", None, "label", True),
    ],
)
def test_columns_are_guessed(tmp_path, name, content, text, pair, label, sure):
    (tmp_path / name).write_text(content, encoding="utf-8")
    guess = guess_columns(tmp_path / name)
    assert (guess.text, guess.text_pair, guess.label, guess.sure) == (text, pair, label, sure)


@pytest.mark.parametrize(("name", "content"), [("a.parquet", "PAR1"), ("a.json", "{broken"), ("a.jsonl", "no"), ("a.csv", "")])
def test_what_cannot_be_read_is_not_guessed(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert guess_columns(tmp_path / name) is None


@pytest.mark.parametrize("name", ["no", "null", "3", "a: b", "it's", "ünï", "- x", "#1"])
def test_awkward_column_names_come_back_as_they_are(compactor, tmp_path, name):
    from compactor.pipeline.reader import read_document

    quoted = '"' + name + '"'
    rows(tmp_path / "d.csv", f"text,{quoted}", "some words,a", "other words,b", "further words,a")
    assert compactor("init", "--data", "d.csv")[0] == 0
    assert read_document(tmp_path / "profile.yaml").data["data"]["label"] == name
