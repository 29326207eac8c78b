"""The nearest known name."""

from __future__ import annotations

import pytest

from compactor.base.suggest import did_you_mean


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("temprature", ["temperature", "weight"], "did you mean 'temperature'?"),
        ("Learning-Rate", ["learning_rate"], "did you mean 'learning_rate'?"),
        ("qqq", ["b", "a"], "one of a, b"),
        ("qqq", ["aaa"], "only aaa is known"),
        ("qqq", [], ""),
    ],
)
def test_hint(name, known, hint):
    assert did_you_mean(name, known) == hint
