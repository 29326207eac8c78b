"""The augment stage: new texts only, none of them held out, the same for the same seed, and said what became of them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.data import DataSettings, open_data, read_dataset
from compactor.data.duplicates import normalise
from compactor.data.unlabelled import open_unlabelled
from compactor.stages.augment import Augment
from compactor.tasks import TASKS
from tests.stages.works import Listener, make_work, open_small

TASK = TASKS.load("text-classification")()


@pytest.fixture
def small(tmp_path):
    return open_small(tmp_path)


def made(tmp_path, data, name="rows", unlabelled=None, **settings):
    """Run the stage without a teacher; return its work."""
    work = make_work(tmp_path, name, data)
    if unlabelled is not None:
        (tmp_path / "more.csv").write_text(unlabelled)
        given = DataSettings(train="train.csv", unlabelled="more.csv")
        work.open_unlabelled = lambda: open_unlabelled(
            given, near=(tmp_path,), cache=tmp_path / "cache", online=False, reporter=work.reporter
        )
    Augment.model_validate(settings).run(None, work)
    return work


def texts_of(work):
    return read_dataset(work.folder, work.data.train.labels).texts()


def test_every_text_is_new_and_no_held_out_text_is_among_them(tmp_path, small):
    work = made(tmp_path, small, copies=6)
    texts = [normalise(text) for text in texts_of(work)]
    assert len(texts) == len(set(texts)) > 4 * len(small.train)
    for split in (small.train, small.validation):
        assert not set(texts) & {normalise(text) for text in split.texts()}
    count = work.facts["origins"]["copies"]
    assert count["made"] == 6 * len(small.train)
    assert count["made"] == count["kept"] + count["duplicates"] + count["leaks"] + count["empty"]
    assert work.facts["rows"] == count["kept"] == len(texts)
    assert sum(work.facts["operations"].values()) <= count["made"]
    told = next(finding.sentence for finding in work.reporter.findings if finding.code == "A200")
    assert f"{count['kept']:,} new texts" in told
    assert f"{count['duplicates']:,} were known" in told


@pytest.mark.parametrize(("most", "made_of_each"), [(10_000, 6), (500, 2), (30, 1)])
def test_a_large_set_gets_fewer_copies_of_each_text(tmp_path, small, most, made_of_each):
    rows = len(small.train)
    assert 2 * rows <= 500 < 3 * rows
    work = made(tmp_path, small, copies=6, most=most)
    assert work.facts["origins"]["copies"]["made"] == min(most, made_of_each * rows)


def test_the_words_come_from_training_texts_only(tmp_path, small):
    words = {word for text in small.train.texts() for word in text.split()}
    assert {word for text in texts_of(made(tmp_path, small)) for word in text.split()} <= words
    # Each text of the set ends in a number of its own, so a word of the held-out texts would show.
    assert not words >= {word for text in small.validation.texts() for word in text.split()}


def test_the_same_seed_gives_the_same_bytes_and_another_others(tmp_path, small, monkeypatch):
    first = made(tmp_path, small, "one", copies=4)
    monkeypatch.setattr("compactor.stages._augmenting.BLOCK_ROWS", 7)
    assert texts_of(made(tmp_path, small, "two", copies=4)) == texts_of(first)
    other = make_work(tmp_path, "three", small)
    other.seed = 1
    Augment(copies=4).run(None, other)
    assert texts_of(other) != texts_of(first)


def test_rows_have_no_label_whatever_the_labels_are(tmp_path, small):
    work = made(tmp_path, small, copies=2)
    assert (read_dataset(work.folder, small.train.labels).labels == -1).all()
    several = read_dataset(work.folder, np.zeros((3, 5), np.float32)).labels
    assert several.shape == (work.facts["rows"], 5)
    assert np.isnan(several).all()


def test_they_follow_the_training_rows_for_the_stages_after(tmp_path, small):
    done = made(tmp_path, small, copies=2)
    after = make_work(tmp_path, "student", small)
    assert after.training is small.train
    after = make_work(tmp_path, "another", small)
    after.extra = SimpleNamespace(folder=done.folder)
    assert len(after.training) == len(small.train) + done.facts["rows"]
    assert after.training.texts(0, 3) == small.train.texts(0, 3)
    assert after.training.labels[: len(small.train)].tolist() == small.train.labels.tolist()
    assert after.training.texts()[len(small.train) :] == texts_of(done)
    assert after.training.fingerprint != small.train.fingerprint


def test_texts_without_labels_are_taken_once_and_test_texts_among_them_are_dropped_and_told(tmp_path, small):
    held_out, known = small.validation.texts(0, 1)[0], small.train.texts(0, 1)[0]
    lines = ["a text nobody labelled", "a TEXT nobody labelled", held_out.upper(), known, "", "one more of them"]
    work = made(tmp_path, small, unlabelled="id,text\n" + "".join(f"1,{line}\n" for line in lines), copies=0)
    assert texts_of(work) == ["a text nobody labelled", "one more of them"]
    count = work.facts["origins"]["unlabelled"]
    assert (count["made"], count["kept"], count["duplicates"], count["leaks"], count["empty"]) == (6, 2, 2, 1, 1)
    assert isinstance(work.reporter, Listener)
    told = next(finding for finding in work.reporter.findings if finding.code == "A201")
    assert told.severity == "warning"
    assert "1 of the unlabelled" in told.sentence


def test_copies_of_texts_without_labels(tmp_path, small):
    work = made(tmp_path, small, unlabelled="text\nnobody knows what this is about\n", copies=0, unlabelled_copies=5)
    assert 1 < work.facts["rows"] <= 6
    assert texts_of(work)[0] == "nobody knows what this is about"


def test_pairs(tmp_path):
    lines = "".join(f"first {n} of them,second {n} of those,{n % 2}\n" for n in range(30))
    (tmp_path / "pairs.csv").write_text("a,b,label\n" + lines)
    settings = DataSettings(train="pairs.csv", text="a", text_pair="b", validation=0.2)
    data = open_data(settings, near=(tmp_path,), seed=0, cache=tmp_path / "cache", online=False, reporter=Listener())
    work = made(tmp_path, data, copies=4, sides="second")
    rows = read_dataset(work.folder, data.train.labels)
    assert rows.pair
    assert set(rows.texts()) <= set(data.train.texts())
    assert not set(zip(rows.texts(), rows.pairs(), strict=True)) & set(zip(data.train.texts(), data.train.pairs(), strict=True))


def test_nothing_new_is_an_error_in_a_sentence(tmp_path, small):
    with pytest.raises(StageError) as caught:
        made(tmp_path, small, unlabelled=f"text\n{small.train.texts(0, 1)[0]}\n", copies=0)
    assert caught.value.problem.code == "A101"


def test_a_task_without_texts_is_refused():
    task = SimpleNamespace(name="image-classification", input_kind="image", label_kind="class")
    ((path, problem),) = Augment().problems(task=task, target=SimpleNamespace())
    assert (path, problem.code) == ((), "P180")
    assert not list(Augment().problems(task=TASK, target=SimpleNamespace()))


def test_classes_are_asked_for_only_where_there_are_classes():
    task = SimpleNamespace(name="text-regression", input_kind="text", label_kind="number")
    stage = Augment.model_validate({"noise": ["drop", {"splice": {"partner": "same"}}]})
    ((path, problem),) = stage.problems(task=task, target=SimpleNamespace())
    assert (path, problem.code) == (("noise", 1, "splice"), "P181")


@pytest.mark.model
def test_the_teacher_is_asked_how_sure_it_is(tmp_path, small):
    from compactor.stages.teacher import Teacher
    from tests.stages.works import artifact

    teaching = make_work(tmp_path, "teacher", small)
    config = {"layers": 1, "hidden": 16, "heads": 2, "vocabulary": 200, "max_positions": 24}
    Teacher(config=config, train={"epochs": 1}, max_length=24).run(None, teaching)
    work = make_work(tmp_path, "rows", small, teacher=artifact(teaching.folder))
    Augment(copies=3).run(None, work)
    asked = work.facts["teacher"]
    assert asked["rows"] == work.facts["rows"]
    assert 0 <= asked["below_half"] <= 1
    shares = list(asked["quantiles"].values())
    assert shares == sorted(shares)
    assert 1 / 3 <= shares[0] <= shares[-1] <= 1
    # One epoch of a tiny model leaves it unsure of everything: the new rows are no worse.
    assert [finding.code for finding in work.reporter.findings] == ["A200"]


@pytest.mark.parametrize(("unsure", "told"), [(0.9, True), (0.4, False)])
def test_rows_that_the_teacher_does_not_know_are_told(tmp_path, small, monkeypatch, unsure, told):
    shares = iter([unsure, 0.2])

    def answered(work, rows, count):
        bad = int(10 * next(shares))
        return np.array([0.4] * bad + [0.9] * (10 - bad))

    monkeypatch.setattr("compactor.stages._confidence._highest", answered)
    work = make_work(tmp_path, "rows", small, teacher=SimpleNamespace(kind="torch", folder=tmp_path))
    Augment(copies=2).run(None, work)
    assert ("A203" in {finding.code for finding in work.reporter.findings}) is told
    assert work.facts["teacher"]["below_half"] == unsure
    assert work.facts["teacher"]["training_below_half"] == 0.2
