from __future__ import annotations

import pytest

from compactor.cli._bench_lines import figure


@pytest.mark.parametrize(("value", "told"), [(None, "-"), (0.0098, "0.00980"), (0.00028, "0.000280"), (12.34, "12.3")])
def test_small_figures_keep_three_digits_that_count(value, told):
    assert figure(value) == told
