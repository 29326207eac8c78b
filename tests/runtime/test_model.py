"""What an app sees of a loaded model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.bundle.tiny import LABELS, MAX_LENGTH

TEXTS = ["my money back", "", "parcel late late late the quick brown fox", "password"]


def test_one_text_gives_one_answer_and_many_give_a_list(model):
    one = model("my money back")
    assert set(one) == {"label", "score"}
    assert one["label"] in LABELS
    assert model(TEXTS)[0] == one
    assert model(tuple(TEXTS)) == model(TEXTS)
    assert model([]) == []
    assert model.logits([]).shape == (0, len(LABELS))
    assert model.logits("my money back").shape == (1, len(LABELS))


def test_answers_are_the_highest_logit_and_its_softmax(model):
    logits = model.logits(TEXTS).astype(np.float64)
    for got, row in zip(model(TEXTS), logits, strict=True):
        assert got["label"] == LABELS[row.argmax()]
        assert got["score"] == pytest.approx(np.exp(row.max()) / np.exp(row).sum(), abs=1e-12)


def test_a_batch_gives_the_answers_of_single_texts_where_padding_does_not_matter(model):
    np.testing.assert_allclose(model.logits(TEXTS, batch_size=3), model.logits(TEXTS), atol=1e-5)


def test_quantized_answers_do_not_depend_on_the_other_texts_unless_a_batch_is_asked_for(quantized):
    alone = np.concatenate([quantized.logits(text) for text in TEXTS])
    np.testing.assert_array_equal(quantized.logits(TEXTS), alone)
    assert np.abs(quantized.logits(TEXTS, batch_size=4) - alone).max() > 0, "else the default needs no care"


def test_pairs_are_told_apart(pair_model):
    first, second = ["my money", "one"], ["the dog", "two"]
    assert np.abs(pair_model.logits(first, second) - pair_model.logits(second, first)).max() > 1e-3
    rows = pair_model.encode("my money", "the dog")[0]
    assert rows["token_type_ids"] == [0, 0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(pair_model.logits(first, second, batch_size=2), pair_model.logits(first, second), atol=1e-5)


@pytest.mark.parametrize(
    ("texts", "pairs", "error", "said"),
    [
        (None, None, TypeError, "texts must be a string or a list of strings, not NoneType"),
        (7, None, TypeError, "not int"),
        (b"bytes", None, TypeError, "not bytes"),
        (["fine", None], None, TypeError, r"texts\[1\] must be a string, not NoneType"),
        (["fine", 1.5], None, TypeError, r"texts\[1\] must be a string, not float"),
        ("fine", "second", ValueError, "reads one sentence"),
    ],
)
def test_what_is_not_a_text_is_told_in_a_sentence(model, texts, pairs, error, said):
    with pytest.raises(error, match=said):
        model(texts, pairs)


def test_missing_or_uneven_pairs_are_told(pair_model):
    with pytest.raises(ValueError, match="give the second ones as pairs"):
        pair_model("one")
    with pytest.raises(ValueError, match="2 texts and 1 pairs"):
        pair_model(["one", "two"], ["three"])
    with pytest.raises(ValueError, match="as many pairs"):
        pair_model("one", ["two"])


def test_a_batch_of_nothing_is_refused(model):
    with pytest.raises(ValueError, match="batch_size"):
        model("one", batch_size=0)


def test_long_texts_are_cut_as_a_full_tokenization_would(model):
    text = "my money back " * 50_000
    ids = model.encode(text)[0]["input_ids"]
    assert len(ids) == MAX_LENGTH
    assert ids == model.encode("my money back " * 20)[0]["input_ids"]


def test_ten_megabytes_are_answered(model):
    assert model("x" * 10_000_000)["label"] in LABELS
    assert model("parcel " * 1_500_000) == model("parcel " * 100)


def test_words_after_pages_of_blanks_are_still_read(model):
    assert model.encode(" " * 1_000_000 + "parcel late") == model.encode("parcel late")


def test_lone_surrogates_are_read_as_the_replacement_sign(model):
    assert model.encode("a \ud800 b") == model.encode("a \ufffd b")
    assert model.encode("\ud83d\ude00") == model.encode("😀"), "halves of one sign belong together"


def test_many_threads_get_the_answers_of_one(model):
    texts = [f"{' '.join(['money', 'dog', 'late'][: 1 + number % 3])} {number}" for number in range(200)]
    expected = model(texts)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(model, texts)) == expected


def test_it_says_what_it_is(model):
    assert repr(model) == "<compactor.Model text-classification, 3 labels, fp32, CPUExecutionProvider>"
    assert model.labels == tuple(LABELS)
    assert model.providers == ("CPUExecutionProvider",)
