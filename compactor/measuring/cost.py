"""What a million answers cost on a machine with a price per hour, at the throughput that was measured there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SECONDS_PER_HOUR = 3600
MILLION = 1_000_000


def cost_per_million(price_per_hour: float, texts_per_s: float) -> float:
    """Return price / 3600 / texts per second x 1,000,000, in the currency of the price.

    The machine is taken to be busy all the time; one that is half idle costs twice as much an answer.
    """
    if texts_per_s <= 0:
        raise ValueError("a throughput is positive")
    return price_per_hour / SECONDS_PER_HOUR / texts_per_s * MILLION


def cost_record(target: Any, evidence: str | None, texts_per_s: float | None) -> tuple[dict[str, Any] | None, str]:
    """Return the record of the cost and an empty reason, or None and why there is none.

    Args:
        target: with `price_per_hour` and `currency`.
        evidence: of the measurement; the speed of another machine says nothing about the cost on this target.
        texts_per_s: the highest throughput that was measured.
    """
    if target.price_per_hour is None:
        return None, f"the target {target.name} has no price_per_hour"
    if evidence != "measured":
        return None, "it was not measured on the target itself"
    if texts_per_s is None:
        return None, "no throughput was measured"
    value = cost_per_million(target.price_per_hour, texts_per_s)
    record = {"value": value, "currency": target.currency, "price_per_hour": target.price_per_hour, "texts_per_s": texts_per_s}
    return record, ""


def highest_rate(rows: Sequence[dict[str, Any]], throughput: Sequence[dict[str, Any]]) -> float | None:
    """Return the most texts a second of one process in any cell, or of several workers; None where nothing was timed."""
    rates = [row["throughput_per_s"] for row in rows] + [row["texts_per_s"] for row in throughput]
    return max((rate for rate in rates if rate is not None), default=None)


def priced(timing: dict[str, Any], target: Any) -> dict[str, Any]:
    """Return the results of a measurement with the cost at the price that the target has now; times that are kept outlive a price."""
    if target.price_per_hour is None and not timing.get("cost_per_million"):
        return timing
    rate = highest_rate(timing.get("latency_ms") or [], timing.get("throughput") or [])
    return {**timing, "cost_per_million": cost_record(target, timing.get("evidence"), rate)[0]}
