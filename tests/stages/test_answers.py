"""A teacher who only answers: what is refused, what is asked and how often, and a student that learns from it."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.base.hashing import hash_folder
from compactor.base.reporter import Reporter
from compactor.data import DataSettings, open_data
from compactor.stages._inputs import teacher_logits
from compactor.stages.answers import Answers, function_path
from compactor.stages.augment import Augment
from compactor.stages.distill import Distill
from compactor.tasks import TASKS
from tests.stages.works import WORDS, Artifact, make_work, open_small, write_csv

pytestmark = pytest.mark.model
ENCODER = {"layers": 1, "hidden": 32, "heads": 2, "vocabulary": 200, "max_positions": 24}
ASK = f"""
WORDS = {WORDS!r}
def answer(texts):
    with open(__file__ + ".log", "a") as log:
        log.write("".join(text + "\\n" for text in texts))
    return [next((name for name, words in WORDS.items() if set(words) & set(text.split())), "card") for text in texts]
"""


@pytest.fixture
def small(tmp_path):
    return open_small(tmp_path)


def write_answers(path, rows, *, label=lambda text, known: known, share=None):
    """Write a file of answers to rows; with `share`, probabilities that give the known label so much."""
    labels = sorted(WORDS)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", *(["label"] if share is None else labels)])
        for text, number in zip(rows.texts(), rows.labels, strict=True):
            others = [] if share is None else [share if n == number else (1 - share) / 2 for n in range(len(labels))]
            writer.writerow([text, *([label(text, labels[number])] if share is None else others)])


def answered(tmp_path, data, name="answers", **settings):
    """Run the stage; return its work and artifact."""
    work = make_work(tmp_path, name, data)
    work.near = (tmp_path,)
    Answers.model_validate({"config": ENCODER, "max_length": 24, **settings}).run(None, work)
    return work, Artifact(work.folder, "k", "answers", "answers", {"files": hash_folder(work.folder), "facts": work.facts})


def taught(tmp_path, data, teacher, name="student", extra=None, losses=("teacher_labels",)):
    work = make_work(tmp_path, name, data, teacher=teacher)
    work.near, work.extra = (tmp_path,), extra
    train = {"epochs": 40 if extra is None else 12, "learning_rate": 5e-3, "batch_size": 16}
    Distill.model_validate({"student": {"layers": 1}, "losses": list(losses), "train": train}).run(teacher, work)
    return work


def test_a_student_learns_from_labels_alone_and_never_sees_those_of_the_data(tmp_path, small):
    rows = small.train.join(small.validation)
    turned = dict(zip(sorted(WORDS), [*sorted(WORDS)[1:], sorted(WORDS)[0]], strict=True))
    # The teacher is always wrong, in the same way: who follows it is wrong too.
    write_answers(tmp_path / "a.csv", rows, label=lambda text, known: turned[known])
    work, teacher = answered(tmp_path, small, file="a.csv")
    assert work.facts["validation"]["value"] == 0.0
    assert {finding.code for finding in work.reporter.findings} == {"A221"}
    assert taught(tmp_path, small, teacher).facts["validation"]["value"] < 0.2


def test_probabilities_teach_by_hintons_loss(tmp_path, small):
    write_answers(tmp_path / "a.csv", small.train.join(small.validation), share=0.9)
    _, teacher = answered(tmp_path, small, file="a.csv", form="probabilities")
    work = make_work(tmp_path, "looks", small, teacher=teacher)
    logits = np.asarray(teacher_logits(work, "training"), dtype=np.float64)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert (probabilities.argmax(axis=1) == small.train.labels).all()
    assert probabilities.max(axis=1) == pytest.approx(0.9, abs=1e-5)
    done = taught(tmp_path, small, teacher, losses=[{"hinton": {"temperature": 2}}])
    assert done.facts["validation"]["value"] > 0.8


def test_the_table_of_a_new_encoder_is_filled_as_is_asked_for(tmp_path, small):
    from safetensors.numpy import load_file

    write_answers(tmp_path / "a.csv", small.train.join(small.validation))
    by_chance, by_texts = (
        answered(tmp_path, small, name=init, file="a.csv", config={**ENCODER, "init": init})[0].folder
        for init in ("random", "cooccurrence")
    )
    weights = [load_file(folder / "model.safetensors") for folder in (by_chance, by_texts)]
    different = [name for name, value in weights[0].items() if not np.array_equal(value, weights[1][name])]
    assert [name.split(".")[-2:] for name in different] == [["word_embeddings", "weight"]]


def test_rows_without_an_answer_are_refused_with_the_first_of_them(tmp_path, small):
    write_answers(tmp_path / "a.csv", small.train.select(np.arange(3, len(small.train))))
    with pytest.raises(StageError) as caught:
        answered(tmp_path, small, file="a.csv")
    assert caught.value.problem.code == "A120"
    assert "3 of 180 training texts have no answer" in str(caught.value)
    assert small.train.texts(0, 1)[0][:20] in str(caught.value)


def test_without_answers_to_held_out_texts_the_teachers_quality_is_not_stated(tmp_path, small):
    write_answers(tmp_path / "a.csv", small.train)
    work, teacher = answered(tmp_path, small, file="a.csv")
    assert "validation" not in work.facts
    assert not (teacher.folder / "validation.npy").exists()
    assert {finding.code for finding in work.reporter.findings} == {"A220", "A221"}


def test_held_out_answers_are_those_of_the_split_and_none_where_some_are_missing(tmp_path):
    # As many validation rows as training rows: what belongs to the other split would not be noticed by its shape.
    settings = DataSettings(train=str(write_csv(tmp_path / "train.csv")), validation=0.5)
    data = open_data(settings, near=(tmp_path,), seed=0, cache=tmp_path / "cache", online=False, reporter=Reporter())
    assert len(data.train) == len(data.validation)
    write_answers(tmp_path / "a.csv", data.train.join(data.validation))
    _, teacher = answered(tmp_path, data, file="a.csv")
    looking = make_work(tmp_path, "looking", data, teacher=teacher)
    assert (teacher_logits(looking, "validation").argmax(axis=1) == data.validation.labels).all()
    assert (teacher_logits(looking, "training").argmax(axis=1) == data.train.labels).all()
    write_answers(tmp_path / "b.csv", data.train)
    _, teacher = answered(tmp_path, data, name="fewer", file="b.csv")
    ladder = Distill.model_validate({"student": {"family": "auto"}, "losses": ["teacher_labels"]})
    with pytest.raises(StageError, match="not answered all validation texts") as caught:
        ladder.run(teacher, make_work(tmp_path, "ladder", data, teacher=teacher))
    assert caught.value.problem.code == "A121"


def test_a_file_knows_no_new_texts(tmp_path, small):
    write_answers(tmp_path / "a.csv", small.train)
    _, teacher = answered(tmp_path, small, file="a.csv")
    new = make_work(tmp_path, "new", small, teacher=teacher)
    Augment(copies=1).run(None, new)
    with pytest.raises(StageError, match="a function, or copies: 0") as caught:
        taught(tmp_path, small, teacher, extra=SimpleNamespace(folder=new.folder))
    assert caught.value.problem.code == "A120"


def test_a_function_is_asked_once_for_each_text_new_ones_included(tmp_path, small):
    (tmp_path / "ask.py").write_text(ASK)
    _, teacher = answered(tmp_path, small, function="ask.py", block=50)
    log = tmp_path / "ask.py.log"
    asked = log.read_text().splitlines()
    assert sorted(asked) == sorted([*small.train.texts(), *small.validation.texts()])
    new = make_work(tmp_path, "new", small, teacher=teacher)
    Augment(copies=2, noise=["drop"]).run(None, new)
    work = taught(tmp_path, small, teacher, extra=SimpleNamespace(folder=new.folder))
    assert len(log.read_text().splitlines()) == len(asked) + new.facts["rows"]
    assert work.facts["training"]["rows"] == len(small.train) + new.facts["rows"]
    assert work.facts["validation"]["value"] > 0.8


def test_a_stopped_run_asks_for_no_text_twice(tmp_path, small):
    failing = ASK.replace(
        "    return", "    if sum(1 for _ in open(__file__ + '.log')) > 100: raise OSError('quota')\n    return"
    )
    (tmp_path / "ask.py").write_text(failing)
    with pytest.raises(StageError, match="quota"):
        answered(tmp_path, small, function="ask.py", block=40)
    first = (tmp_path / "ask.py.log").read_text().splitlines()
    (tmp_path / "ask.py").write_text(ASK)
    import shutil

    shutil.rmtree(tmp_path / "answers")  # what a stage left half done is dropped; its checkpoints stay
    answered(tmp_path, small, function="ask.py", block=40)
    everything = (tmp_path / "ask.py.log").read_text().splitlines()
    # The two blocks that were answered are not asked for again; the third failed after it was logged.
    assert len(first) == 120
    assert everything[120:160] == first[80:]
    assert len(everything) == 120 + len(small.train) - 80 + len(small.validation)


def test_what_is_missing_or_double_is_told():
    def codes(task="text-classification", **settings):
        stage = Answers.model_validate(settings)
        return [problem.code for _, problem in stage.problems(task=TASKS.load(task)(), target=SimpleNamespace())]

    assert codes() == ["P185", "P186"]
    assert codes(file="a.csv", function="b.py", model="m") == ["P185"]
    assert codes(file="a.csv", model="m", config=ENCODER) == ["P186"]
    assert codes("text-regression", file="a.csv", model="m") == ["P187"]
    assert codes(file="a.csv", config={**ENCODER, "heads": 3}) == ["P151"]
    assert codes(file="a.csv", config=ENCODER, max_length=25) == ["P157"]
    assert codes(file="a.csv", model="m") == []


def test_the_content_of_the_file_counts_and_not_its_name(tmp_path):
    for name, text in (("a.csv", "text,label\na,b\n"), ("b.csv", "text,label\na,b\n"), ("c.csv", "text,label\na,c\n")):
        (tmp_path / name).write_text(text)
    a, b, c = (Answers(file=name, config=ENCODER) for name in ("a.csv", "b.csv", "c.csv"))
    assert (a.key(), a.fingerprint((tmp_path,))) == (b.key(), b.fingerprint((tmp_path,)))
    assert a.fingerprint((tmp_path,)) != c.fingerprint((tmp_path,))
    ((path, problem),) = Answers(file="d.csv", config=ENCODER).file_problems((tmp_path,))
    assert (path, problem.code) == (("file",), "P188")


def test_a_function_may_lie_below_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "ask.py").touch()
    assert function_path("~/ask.py", ()) == tmp_path / "ask.py"
