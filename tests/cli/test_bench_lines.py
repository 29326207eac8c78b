"""Figures of `compactor bench` as people read them."""

from __future__ import annotations

import pytest

from compactor.cli._bench_lines import figure


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "-"),
        (0, "0"),
        (0.00028, "0.000280"),
        (0.0126, "0.0126"),
        (0.995, "0.995"),
        (0.9996, "1.00"),
        (9.996, "10.0"),
        (99.96, "100"),
        (5217.4, "5217"),
    ],
)
def test_three_digits_count_however_small_a_figure_is(value: float | None, told: str) -> None:
    assert figure(value) == told
