"""When times that were taken still hold: for the same rows, target, machine, runtime and GPU; and which are not worth keeping."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compactor.pipeline.execute import Session
    from compactor.targets import Target

NOT_KEPT = frozenset({"M113", "M151"})  # times that were withheld, or could not be taken: the next run tries again


def conditions(session: Session, target: Target, *, quick: bool) -> dict[str, Any]:
    """Return what besides the graphs decides a measurement, for its identity; the validation rows are what is timed."""
    from compactor.measuring.surroundings import surroundings

    return {"rows": session.open_data().validation.fingerprint, **surroundings(target), "quick": quick}


def worth_keeping(results: Iterable[dict[str, Any]]) -> bool:
    """Whether the results of a measurement may stand for it in later runs."""
    return not any(finding["code"] in NOT_KEPT for result in results for finding in result.get("findings") or [])
