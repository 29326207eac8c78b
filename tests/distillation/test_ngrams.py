"""The linear models find n-grams in texts of any script, and the usual ones where words recur."""

from __future__ import annotations

import itertools

import pytest

from compactor.distillation import ngrams
from compactor.distillation.ngrams import ngram_features

CHINESE = [
    f"我想要{wish}{thing}请帮我{ending}"
    for wish, thing, ending in itertools.product(
        ["查询", "办理", "取消"], ["银行卡", "信用卡", "账户余额"], ["谢谢", "马上", "现在"]
    )
]
CODES = [f"{number:05d}-{number * 7 % 9973}" for number in range(200)]
ENGLISH = [f"the card number {number}" for number in range(20)]


def analyzers(features):
    return [(each.analyzer, each.min_df) for _, each in features.transformer_list]


@pytest.mark.parametrize("texts", [CHINESE, CODES, ["ab", "xy"]])
def test_texts_without_a_common_word_are_read_by_their_characters(texts):
    features = ngram_features(texts, longest=5)
    assert [analyzer for analyzer, _ in analyzers(features)] == ["char_wb"]
    assert features.fit_transform(texts).shape[0] == len(texts)


def test_where_words_recur_both_are_taken():
    assert analyzers(ngram_features(ENGLISH, longest=4)) == [("word", 2), ("char_wb", 2)]


def test_large_sets_keep_words_alone_if_there_are_any(monkeypatch):
    monkeypatch.setattr(ngrams, "MOST_ROWS_WITH_CHARACTERS", 10)
    assert analyzers(ngram_features(ENGLISH, longest=4)) == [("word", 2)]
    assert analyzers(ngram_features(CHINESE, longest=4)) == [("char_wb", 2)]
