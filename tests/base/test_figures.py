from __future__ import annotations

import pytest

from compactor.base.figures import three_figures


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0, "0"),
        (0.00028, "0.000280"),
        (0.0098, "0.00980"),
        (0.5, "0.500"),
        (9.996, "10.0"),
        (91.66, "91.7"),
        (26714.2, "26714"),
    ],
)
def test_three_figures_count_and_none_is_a_power_of_ten(value, told):
    assert three_figures(value) == told
