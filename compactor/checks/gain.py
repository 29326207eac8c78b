"""Whether int8 gains time on a device, by what its cores can do: on some it gains size alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from compactor.base.finding import Finding

if TYPE_CHECKING:
    from compactor.targets import Target

LITTLE = 1.5


def gain(target: Target, *, place: str) -> Iterator[Finding]:
    """Yield a finding when int8 is hardly faster than fp32 on a target.

    Args:
        target: says by how much, counted in instructions (`int8_speedup`); nothing is known of one that does not.
        place: for the finding.
    """
    if target.int8_speedup is not None and target.int8_speedup < LITTLE:
        sentence = (
            f"int8 takes about {target.int8_speedup:g} times fewer cycles than fp32 on {target.name}, by instruction count: "
            "it gains size there, hardly time"
        )
        hint = "compare both on the board with `compactor bench`; for time, take fewer layers or a narrower student"
        yield Finding("Q111", "note", sentence, hint, place)
