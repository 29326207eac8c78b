"""`init` writes a profile that `validate` accepts, guesses the columns, asks nothing and overwrites nothing."""

from __future__ import annotations

import json

import pytest

from compactor.cli._columns import guess_columns
from compactor.tasks import TASKS


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


def test_a_target_of_ones_own_gets_what_it_has_kernels_for(compactor, tmp_path):
    (tmp_path / "mine.yaml").write_text("name: mine\nsame_as: server-gpu\n")
    status, _, err = compactor("init", "--target", "mine.yaml")
    assert status == 0, err
    assert "quantize: {method: fp16}" in (tmp_path / "profile.yaml").read_text()
    (tmp_path / "mine.yaml").write_text("name: mine\nsame_as: server-cpu\n")
    status, _, err = compactor("init", "--target", "mine.yaml", "-o", "new.yaml")
    assert (status, err.partition(":")[0]) == (2, "P141")


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


def fitting(task, folder):
    """Write rows for a task that no built-in set is for; give the options that name them."""
    if task == "text-regression":
        rows(folder / "rows.csv", "text,label", "a b,1.5", "c d,2")
    elif task == "multi-label-classification":
        rows(folder / "rows.csv", "text,label", "a b,x|y", "c d,y")
    elif task == "token-classification":
        rows(folder / "rows.conll", "a O", "b B-X")
    else:
        return ()
    return ("--data", next(folder.glob("rows.*")).name)


@pytest.mark.parametrize("target", ["host", "server-gpu"])
@pytest.mark.parametrize("task", [name.replace("_", "-") for name in TASKS.names()])
def test_the_profile_is_right_for_every_task(compactor, tmp_path, task, target):
    status, _, err = compactor("init", "--task", task, "--target", target, *fitting(task, tmp_path))
    assert status == 0, err
    status, _, err = compactor("validate", "profile.yaml")
    assert status == 0, err


def test_columns_and_stages_follow_the_task(compactor, tmp_path):
    rows(tmp_path / "topics.csv", "text,label", "a b,x;y", "c d,y")
    assert compactor("init", "--task", "multi-label-classification", "--data", "topics.csv")[0] == 0
    text = (tmp_path / "profile.yaml").read_text()
    assert '  separator: ";"' in text
    assert "- bernoulli: {temperature: 2, weight: 0.9}" in text
    rows(tmp_path / "photos.csv", "path,label", "one.png,cat", "another.png,dog")
    _, out, _ = compactor("init", "--task", "image-classification", "--data", "photos.csv", "-o", "images.yaml")
    assert "columns: image 'path', label 'label'" in out
    assert "vocabulary" not in (tmp_path / "images.yaml").read_text()


def test_a_task_without_a_built_in_set_asks_for_rows(compactor, tmp_path):
    status, _, err = compactor("init", "--task", "token-classification")
    assert status == 2
    assert err == "P061: there is no built-in set for token-classification (name your own rows with --data)\n"
    assert not (tmp_path / "profile.yaml").exists()


def test_a_profile_that_would_be_refused_is_not_written(compactor, tmp_path):
    rows(tmp_path / "d.csv", "text,label", "a,b")
    status, _, err = compactor("init", "--data", "d.csv", "--model", "./gone")
    assert status == 2
    assert "P040: teacher.model: there is no folder ./gone" in err
    assert [path.name for path in tmp_path.iterdir()] == ["d.csv"]


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
        ("a.csv", "text,label\nx,y,one too many\n", "text", None, "label", True),
        ("a.csv", "\n\ntext,label\nx\n", "text", None, "label", True),
    ],
)
def test_columns_are_guessed(tmp_path, name, content, text, pair, label, sure):
    (tmp_path / name).write_text(content, encoding="utf-8")
    guess = guess_columns(tmp_path / name)
    assert (guess.text, guess.text_pair, guess.label, guess.sure) == (text, pair, label, sure)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.parquet", "PAR1"),
        ("a.json", "{broken"),
        ("a.jsonl", "no"),
        ("a.csv", ""),
        ("a.csv", "\n\n"),
        ("a.jsonl", "[1]\n[2]"),
        ("a.json", "[[1]]"),
    ],
)
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


def test_a_csv_parted_by_semicolons_is_refused_and_nothing_is_written(compactor, tmp_path):
    rows(tmp_path / "train.csv", "text;category", "where is it;delivery")
    status, _, err = compactor("init", "--data", "train.csv")
    assert status == 2
    assert "parted by semicolons" in err
    assert not (tmp_path / "profile.yaml").exists()
