"""Numbers as people read them."""

from __future__ import annotations


def three_figures(value: float) -> str:
    """Return a number with three figures that count, never in powers of ten."""
    if value == 0:
        return "0"
    # The exponent of the rounded number: 9.996 has three figures as 10.0.
    exponent = int(f"{value:.2e}".partition("e")[2])
    return f"{value:.{max(0, 2 - exponent)}f}"
