"""The A/A self-test: the same model twice in one measurement must show no difference, or the others' differences mean nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from compactor.base.finding import Finding
from compactor.measuring.result import Subject, rounds_of
from compactor.measuring.statistics import ratio_interval

if TYPE_CHECKING:
    from compactor.measuring.rounds import Timed

SUFFIX = " (again)"


@dataclass(frozen=True)
class SelfTest:
    """`record` is `{subject, ratio, ci95, passed}`; `finding` is there when it failed."""

    record: dict[str, Any]
    finding: Finding | None


def duplicate_of(subjects: Sequence[Subject]) -> Subject:
    """Return the smallest model once more, under another id; it costs the least."""
    smallest = min(subjects, key=lambda subject: subject.model.stat().st_size if subject.model.is_file() else 0)
    return replace(smallest, id=smallest.id + SUFFIX)


def self_test(timed: Timed, seed: int) -> SelfTest:
    """Compare the duplicate with its original in the cell that both ran."""
    original = timed.again.removesuffix(SUFFIX)
    cell, bursts = next(iter(timed.bursts[timed.again].items()))
    ratio, (low, high) = ratio_interval(rounds_of(bursts), rounds_of(timed.bursts[original][cell]), seed=seed)
    passed = low <= 1.0 <= high
    finding = None
    if not passed:
        finding = Finding(
            "M112",
            "warning",
            f"the self-test found a difference where there is none: {original} against itself {ratio:.3f} ({low:.3f} to {high:.3f})",
            f"do not trust differences below {abs(ratio - 1):.0%}; measure again (a run: with `--measure-again`) on a quieter machine",
        )
    return SelfTest({"subject": original, "cell": cell.name, "ratio": ratio, "ci95": [low, high], "passed": passed}, finding)
