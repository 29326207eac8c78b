"""Texts are cut into words and put together again."""

from __future__ import annotations

import pytest

from compactor.augmentation.words import join, split


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("where  is\tit ?", ["where", "is", "it", "?"]),
        ("我的卡在哪里", list("我的卡在哪里")),
        ("用 iPhone 付款", ["用", "iPhone", "付", "款"]),
        ("카드가 어디에 있나요", ["카드가", "어디에", "있나요"]),
        ("", []),
    ],
)
def test_split(text, words):
    assert split(text) == words


def test_join_puts_blanks_where_a_script_has_them():
    assert join(["where", "is", "it?"]) == "where is it?"
    assert join(list("我的卡")) == "我的卡"
    assert split(join(split("用 iPhone 付款"))) == split("用 iPhone 付款")
    assert join([]) == ""
