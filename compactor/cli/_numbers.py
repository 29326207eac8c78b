"""Numbers that options take, checked before anything is done."""

from __future__ import annotations

import argparse
import math


def count(given: str) -> int:
    """Read a whole number of 1 or more."""
    try:
        found = int(given)
    except ValueError:
        found = 0
    if found < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of 1 or more, not {given}")
    return found


def seconds(given: str) -> float:
    """Read a time above 0."""
    try:
        found = float(given)
    except ValueError:
        found = 0.0
    if not (found > 0 and math.isfinite(found)):
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {given}")
    return found
