"""The set made of the standard library's docstrings."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest

from compactor.base.reporter import Reporter
from compactor.data import DataSettings, fingerprint_data, open_data
from compactor.data.chapters import CHAPTERS, chapter_of
from compactor.data.docstrings import _paragraphs, read_docstrings
from compactor.data.duplicates import normalise
from compactor.data.settings import BUILTIN


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def docstrings():
    return read_docstrings()


def opened(cache, **settings):
    seed = settings.pop("seed", 0)
    return open_data(
        DataSettings(source=BUILTIN, **settings), near=(), seed=seed, cache=cache, online=False, reporter=Reporter()
    )


def folded(rows):
    return {normalise(text) for text in rows.texts()}


def test_a_real_set_of_some_seven_thousand_texts(cache):
    data = opened(cache)
    rows = (data.train, data.validation, data.test)
    assert 5_000 < sum(map(len, rows)) < 10_000
    assert 15 <= len(data.labels) <= len(CHAPTERS)
    assert all(set(split.labels) == set(range(len(data.labels))) for split in rows)
    assert len(data.test) == pytest.approx(0.1 * sum(map(len, rows)), rel=0.02)


def test_no_text_in_two_splits(cache):
    data = opened(cache)
    train, validation, test = folded(data.train), folded(data.validation), folded(data.test)
    assert not (train | test) & validation
    assert not train & test
    assert len(train) == len(data.train)
    assert not {"D204", "D205", "D209"} & {finding.code for finding in data.findings}


def test_texts_and_chapters_are_those_of_the_library(docstrings):
    chapters = dict(zip(docstrings.texts, docstrings.chapters, strict=True))
    first = inspect.getdoc(json.JSONDecoder.raw_decode).split("\n\n")[0]
    assert chapters[" ".join(first.split())] == chapter_of("json") == "Internet Data Handling"
    assert chapter_of("_no_such_module") is None


def test_no_module_stands_in_two_chapters():
    modules = [module for names in CHAPTERS.values() for module in set(names.split())]
    twice = {module for module in modules if modules.count(module) > 1}
    assert not twice


def test_the_same_each_time(cache, docstrings):
    data = opened(cache)
    held = dict(zip(docstrings.texts, docstrings.is_test, strict=True))
    assert data.test.texts() == [text for text, is_test in held.items() if is_test]
    assert sorted(data.train.texts() + data.validation.texts()) == sorted(text for text, is_test in held.items() if not is_test)
    settings = DataSettings(source=BUILTIN)
    assert fingerprint_data(settings, near=()) == fingerprint_data(settings, near=())


def test_the_test_split_does_not_depend_on_the_seed(cache):
    one, two = opened(cache), opened(cache, seed=1)
    assert one.test.fingerprint == two.test.fingerprint
    assert one.validation.fingerprint != two.validation.fingerprint


def test_further_paragraphs_come_from_training_docstrings_only(cache, docstrings):
    plain, more = opened(cache), opened(cache, extra=True)
    assert more.test.fingerprint == plain.test.fingerprint
    assert more.validation.fingerprint == plain.validation.fingerprint
    first = len(plain.train)
    assert more.train.texts(0, first) == plain.train.texts()
    added = [normalise(text) for text in more.train.texts(first)]
    assert len(added) > 2_000
    assert len(set(added)) == len(added)
    assert not set(added) & (folded(plain.train) | folded(plain.validation) | folded(plain.test))
    followed = {}
    for owner, text in docstrings.further:
        followed.setdefault(normalise(text), set()).add(normalise(docstrings.texts[owner]))
    train = folded(plain.train)
    assert all(followed[text] & train for text in added)


def test_paragraphs():
    assert _paragraphs("One\ntwo.\n\n  \n  Three   four.\n\n") == ["One two.", "Three four."]


def test_a_linear_model_finds_it_hard_but_not_hopeless(cache):
    text = pytest.importorskip("sklearn.feature_extraction.text")
    linear = pytest.importorskip("sklearn.linear_model")
    data = opened(cache, limit=2000)
    vectors = text.TfidfVectorizer(sublinear_tf=True, min_df=2)
    model = linear.LogisticRegression(C=10.0, max_iter=200).fit(vectors.fit_transform(data.train.texts()), data.train.labels)
    right = (model.predict(vectors.transform(data.test.texts())) == data.test.labels).mean()
    majority = np.bincount(data.test.labels).max() / len(data.test)
    assert majority < 0.3
    assert 0.5 < right < 0.9
