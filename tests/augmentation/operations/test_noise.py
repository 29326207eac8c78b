"""Each operation does to the words what its page says, for any text, and the same for the same generator."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from compactor.augmentation.corpus import Corpus
from compactor.augmentation.operations import OPERATIONS, Text, parse_noise
from compactor.augmentation.operations.typos import NEIGHBOURS, mistype
from tests.augmentation.conftest import LABELS, TEXTS

PLAIN = ["drop", "swap", "replace", "insert", "splice", "typos"]
WORDS = tuple("where is my new card and when will it come".split())  # noqa: SIM905


def opened(corpus, name, **options):
    (term,) = parse_noise([{name: options}])
    return term.operation.open(corpus)


def many(change, text=None, count=200):
    return [list(change(text or Text(WORDS, 0), np.random.default_rng([7, number]))) for number in range(count)]


@pytest.mark.parametrize("name", PLAIN)
def test_the_same_generator_gives_the_same_words_and_another_gives_others(corpus, name):
    change = opened(corpus, name)
    assert many(change) == many(change)
    assert len({tuple(words) for words in many(change)}) > 20


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("words", [(), ("card",), ("?",), ("新", "卡")])
def test_short_and_strange_texts_are_no_error(corpus, name, words):
    for changed in many(opened(corpus, name), Text(words, 0), 20):
        assert all(isinstance(word, str) for word in changed)
        assert changed or not words


def test_every_operation_that_needs_no_model_is_tested_here():
    needing = {name for name in OPERATIONS.names() if "model" in OPERATIONS.load(name).model_fields}
    assert set(OPERATIONS.names()) == set(PLAIN) | needing


def test_drop_leaves_words_out_in_order_at_the_stated_rate(corpus):
    made = many(opened(corpus, "drop", share=0.3), count=2000)
    for words in made:
        remaining = iter(WORDS)
        assert all(word in remaining for word in words), "not a subsequence"
        assert 1 <= len(words) < len(WORDS)
    # Each goes with 0.3; where none would (0.7 ** 10 of the time), one does.
    expected = len(WORDS) * 0.3 + 0.7 ** len(WORDS)
    assert np.mean([len(WORDS) - len(words) for words in made]) == pytest.approx(expected, abs=0.1)


def test_swap_keeps_the_words_and_moves_exactly_two_for_each_exchange(corpus):
    for words in many(opened(corpus, "swap", share=0.05)):
        assert Counter(words) == Counter(WORDS)
        assert sum(new != old for new, old in zip(words, WORDS, strict=True)) == 2


def test_replace_draws_words_as_often_as_the_training_texts_have_them(corpus):
    made = [word for words in many(opened(corpus, "replace", share=1.0), count=2000) for word in words]
    counts = Counter(word for text in TEXTS for word in text.split())
    assert set(made) == set(counts)
    total = sum(counts.values())
    for word, count in counts.items():
        assert made.count(word) / len(made) == pytest.approx(count / total, abs=0.01)


def test_insert_keeps_the_text_and_adds_the_stated_number(corpus):
    for words in many(opened(corpus, "insert", share=0.3)):
        assert len(words) == len(WORDS) + 3
        remaining = iter(words)
        assert all(word in remaining for word in WORDS)


@pytest.mark.parametrize(("partner", "allowed"), [("same", {0, 4}), ("other", {1, 2, 3, 5}), ("any", set(range(6)))])
def test_splice_joins_a_beginning_and_an_end_of_the_wanted_class(corpus, partner, allowed):
    marked = Text(tuple(f"a{number}" for number in range(5)), 0)
    ends = {number: text.split() for number, text in enumerate(TEXTS)}
    drawn = set()
    for words in many(opened(corpus, "splice", partner=partner), marked):
        head = [word for word in words if word in marked.words]
        tail = words[len(head) :]
        assert head == list(marked.words[: len(head)])
        assert head
        assert tail
        drawn |= {number for number, text in ends.items() if text[-len(tail) :] == tail and number in allowed}
        assert any(text[-len(tail) :] == tail for number, text in ends.items() if number in allowed)
    assert {LABELS[number] for number in drawn} == {LABELS[number] for number in allowed}


def test_a_second_sentence_is_spliced_with_a_second_sentence(rows):
    corpus = Corpus(rows(["a b", "c d"], [0, 1], ["x y", "z w"]))
    made = many(opened(corpus, "splice"), Text(("x", "y"), 0, second=True))
    assert {word for words in made for word in words} <= set("xyzw")


def test_typos_change_one_letter_of_a_word_and_keys_are_neighbours_both_ways():
    generator = np.random.default_rng(0)
    assert NEIGHBOURS["g"] == "fhtyvb" or set(NEIGHBOURS["g"]) == set("fhtyvb")
    assert all(letter in NEIGHBOURS[other] for letter, near in NEIGHBOURS.items() for other in near)
    for _ in range(50):
        assert len(mistype("transfer", "omit", generator)) == 7
        assert len(mistype("transfer", "double", generator)) == 9
        assert sorted(mistype("transfer", "exchange", generator)) == sorted("transfer")
        wrong = mistype("Card7", "key", generator)
        assert sum(a != b for a, b in zip(wrong, "Card7", strict=True)) == 1
        assert wrong[4] == "7"
        assert wrong[0].isupper()
    assert mistype("Card", "case", generator) == "cARD"


def test_mistakes_in_the_list_are_told_with_what_was_meant():
    for given, told in (
        (["dorp"], "did you mean drop?"),
        ([{"drop": {"shere": 0.1}}], "did you mean share?"),
        ([{"drop": {"share": 2}}], "less than 1"),
        ([{"drop": {}, "swap": {}}], "a name with options"),
        ([{"drop": {"weight": 0}}], "greater than 0"),
    ):
        with pytest.raises(ValueError) as caught:
            parse_noise(given)
        assert told in str(caught.value), given


def test_a_users_own_operation_counts_by_its_content(tmp_path, corpus):
    own = tmp_path / "shout.py"
    own.write_text(
        "from compactor.augmentation.operations import Operation\n"
        "class Shout(Operation):\n"
        "    def open(self, corpus):\n"
        "        return lambda text, generator: [word.upper() for word in text.words]\n"
    )
    (term,) = parse_noise(["shout.py"], (tmp_path,))
    assert term.operation.open(corpus)(Text(("a",)), np.random.default_rng(0)) == ["A"]
    before = term.key()
    own.write_text(own.read_text() + "# changed\n")
    assert parse_noise(["shout.py"], (tmp_path,))[0].key() != before
