"""How fast an iterative cut goes: the share that is left after each of its steps."""

from __future__ import annotations

from typing import Literal

Schedule = Literal["geometric", "linear", "cubic"]


def share_after(step: int, steps: int, final: float, schedule: Schedule) -> float:
    """Return the share that is left after a step.

    `geometric` takes the same share of what is left each time: final^(t/n). `linear` takes as much each time: 1 - (1 - final) t/n.
    `cubic` begins fast, while there is much that is not needed, and ends slowly: 1 - (1 - final) (1 - (1 - t/n)³), formula 1 of Zhu and
    Gupta 2017 (arXiv:1710.01878) with an initial sparsity of 0.

    Args:
        step: 1 to `steps`.
        steps: how many there are.
        final: share after the last, above 0.
        schedule: which of the three.
    """
    way = step / steps
    if step == steps:
        return final
    if schedule == "geometric":
        return float(final**way)
    gone = way if schedule == "linear" else 1.0 - (1.0 - way) ** 3
    return 1.0 - (1.0 - final) * gone
