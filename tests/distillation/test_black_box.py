"""A teacher who only answers: labels and probabilities as logits, tables by text, a user's function that may fail or reach out."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.base.errors import CompactorError, MissingError, StageError
from compactor.distillation.black_box import Table, ask, from_labels, from_probabilities, load_function, network

LABELS = ("card", "pin", "7")


def test_labels_become_the_highest_logit_and_what_is_missing_stays_missing():
    logits = from_labels(["pin", " card ", 7, "", None], LABELS, "x")
    assert logits[:3].argmax(axis=1).tolist() == [1, 0, 2]
    assert np.isnan(logits[3:]).all()


def test_probabilities_are_the_softmax_of_their_logits():
    given = np.array([[0.7, 0.3, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    logits = from_probabilities(given, 3, "x").astype(np.float64)
    exponentials = np.exp(logits)
    assert np.isfinite(logits).all()
    np.testing.assert_allclose(exponentials / exponentials.sum(axis=1, keepdims=True), given, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([[0.7, 0.7, 0.1]], "are no probabilities (sum 1.5)"),
        ([[1.2, -0.2, 0.0]], "are no probabilities"),
        ([[0.5, 0.5]], "shape (1, 2), for 3 labels"),
        (["pin"], "no table of numbers"),
    ],
)
def test_what_are_no_probabilities_is_refused(given, told):
    with pytest.raises(StageError) as caught:
        from_probabilities(given, 3, "ask.py")
    assert caught.value.problem.code == "A123"
    assert told in str(caught.value)


def test_a_label_that_the_data_does_not_have_is_refused():
    with pytest.raises(StageError, match="answers 'loan', which is no label of the data"):
        from_labels(["pin", "loan"], LABELS, "ask.py")


def test_a_table_answers_by_text_whatever_its_case_and_the_first_of_equal_ones_counts():
    table = Table(["Where is it", "my pin", "where is  IT"], None, from_labels(["card", "pin", "pin"], LABELS, "x"))
    found = table(["MY  pin", "where is it", "unknown"], None)
    assert found[:2].argmax(axis=1).tolist() == [1, 0]
    assert np.isnan(found[2]).all()
    pairs = Table(["a", "a"], ["b", "c"], from_labels(["card", "pin"], LABELS, "x"))
    assert pairs(["a"], ["C"]).argmax() == 1


def own(tmp_path, body):
    path = tmp_path / "ask.py"
    path.write_text(body)
    return path


def test_a_function_is_asked_with_texts_and_for_pairs_with_both(tmp_path):
    function = load_function(own(tmp_path, "def answer(texts, pairs=None):\n    return list(zip(texts, pairs or texts))\n"))
    assert ask(function, ["a"], None, "ask.py") == [("a", "a")]
    assert ask(function, ["a"], ["b"], "ask.py") == [("a", "b")]


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        ("def answer(texts):\n    return ['x']\n", "A125", "gave 1 answers for 2 texts"),
        ("def answer(texts):\n    return None\n", "A125", "answers for 2 texts"),
        ("def answer(texts):\n    raise ValueError('quota')\n", "A125", "ValueError: quota"),
        ("def other(texts):\n    return texts\n", "A124", "has no function answer"),
        ("import nothing_of_that_name\n", "A124", "cannot be imported: ModuleNotFoundError"),
    ],
)
def test_a_function_that_fails_is_told_in_a_sentence(tmp_path, body, code, told):
    with pytest.raises(StageError) as caught:
        ask(load_function(own(tmp_path, body)), ["a", "b"], None, "ask.py")
    assert caught.value.problem.code == code
    assert told in str(caught.value)


def test_nothing_is_sent_away_unless_the_network_is_allowed():
    import socket

    def reach(texts):
        with socket.create_connection(listener.getsockname(), timeout=5):
            return list(texts)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        with pytest.raises(CompactorError) as caught, network(allowed=False):
            ask(reach, ["a"], None, "ask.py")
        assert isinstance(caught.value, MissingError)
        assert caught.value.problem.code == "A126"
        with network(allowed=True):
            assert ask(reach, ["a"], None, "ask.py") == ["a"]
        assert ask(reach, ["a"], None, "ask.py") == ["a"], "the door stays shut afterwards"
