"""Says whether the machine was quiet while something was timed. An interval alone does not see contention."""

from __future__ import annotations

from typing import Any

import numpy as np

# Why these numbers. What counts is what a neighbour did to *this* process; signs that only say "somebody else worked" weigh less.
# One thread on the processor: wall time minus CPU time is exactly what it was kept from. 3 % is the half width of the interval that
# a measurement aims at; a machine that takes less than that hides inside the interval that is printed anyway.
LEAST_CPU_USE = 0.97
MOST_STEAL = 0.01  # share of the time that a hypervisor took of our cores: it is in wall time and in CPU time alike
MOST_QUOTA = 0.01  # share of the time that a container's quota kept the process waiting
# Only where CPU use says nothing (several threads wait for each other, a GPU is waited for): one steady rival of a thread causes about
# 130 a second (slices of 3 ms on both sides; seen here at half the processor), so 20 are a rival that takes about 15 %.
MOST_SWITCHES_PER_S = 20.0  # of each thread
# The machine was shared, though our process ran: caches and memory bandwidth are common, so times may be longer than alone.
MOST_PRESSURE = 0.05  # share of the time in which some task of the machine waited for a core
MOST_OTHERS = 0.25  # cores that other processes kept busy
MOST_DRIFT = 0.05  # between the medians of the two halves
MOST_SPREAD = 0.05  # median absolute deviation over the median
LEAST_CLOCK = 0.7  # of the highest: all cores of common processors together run at 0.75 to 0.9 of what one may reach
WIDER = 1.1  # than the interval asked for: the look that ends a cell draws fewer samples than the figure that is told
SECOND_NS = 1e9
LOWER_IS_WORSE = frozenset({"cpu_use", "clock"})


def judge_noise(
    bursts: list[dict[str, Any]],
    *,
    pressure: float | None,
    threads: int,
    interval: tuple[float, float] | None,
    wanted_interval: float,
    others: float | None = None,
    on_cpu: bool = True,
) -> dict[str, Any]:
    """Judge one subject in one cell.

    Args:
        bursts: the worker's answers in order: `nanoseconds`, `feeds`, `wall_ns`, and `cpu_ns`, `steal_ns`, `quota_ns`,
            `involuntary_switches`, `throttled`, `clock_share`, each of which may be None or absent.
        pressure: share of the cell's time in which some task waited for a core, None where the system does not tell.
        threads: of the session; CPU use is judged for one thread only, more may rightly wait for each other.
        interval: 95 % interval of the median in milliseconds, None when there were too few runs.
        wanted_interval: half width over the median that was asked for.
        others: cores that processes outside this measurement kept busy, None where it is not known.
        on_cpu: whether the processor does the work; a process that waits for a GPU is not kept from anything.

    Returns:
        `verdict` (`quiet`, `noisy` or `contended`), `flags`, and the numbers behind them.
    """
    wall_ns = sum(burst["wall_ns"] for burst in bursts)
    clocks = [burst["clock_share"] for burst in bursts if burst.get("clock_share") is not None]
    numbers: dict[str, Any] = {
        "cpu_use": _share(_total(bursts, "cpu_ns"), wall_ns * threads),
        "pressure": pressure,
        "steal": _share(_total(bursts, "steal_ns"), wall_ns),
        "quota": _share(_total(bursts, "quota_ns"), wall_ns),
        "involuntary_per_s": _share(_total(bursts, "involuntary_switches", SECOND_NS), wall_ns),
        "others": others,
        "spread": _spread(bursts),
        "drift": _drift(bursts),
        "throttled": _total(bursts, "throttled"),
        "clock": float(np.median(clocks)) if clocks else None,
    }
    flags = _flags(numbers, threads, tells=on_cpu and threads == 1 and numbers["cpu_use"] is not None)
    # The sum of the ends is twice their middle: this is half the width over the middle, as it was asked for.
    if interval is None or (interval[1] - interval[0]) / (interval[1] + interval[0]) > WIDER * wanted_interval:
        flags.append("few_samples")
    return {"verdict": verdict(flags), "flags": flags, **numbers}


def _flags(numbers: dict[str, Any], threads: int, *, tells: bool) -> list[str]:
    """Return the flags of the numbers; `tells`: CPU use says by itself what the process was kept from."""

    def beyond(name: str, most: float) -> bool:
        return numbers[name] is not None and abs(numbers[name]) > most

    kept_waiting = numbers["cpu_use"] < LEAST_CPU_USE if tells else beyond("involuntary_per_s", MOST_SWITCHES_PER_S * threads)
    raised = {
        "contended": kept_waiting or beyond("steal", MOST_STEAL),
        "quota": beyond("quota", MOST_QUOTA),
        "throttled": bool(numbers["throttled"]),
        "slow_clock": numbers["clock"] is not None and numbers["clock"] < LEAST_CLOCK,
        "shared": beyond("others", MOST_OTHERS) or beyond("pressure", MOST_PRESSURE),
        "drift": beyond("drift", MOST_DRIFT),
        "noisy": beyond("spread", MOST_SPREAD),
    }
    return [flag for flag, is_raised in raised.items() if is_raised]


def verdict(flags: list[str]) -> str:
    """Return one word for a list of flags."""
    if {"contended", "throttled", "quota"} & set(flags):
        return "contended"
    return "noisy" if flags else "quiet"


def combine_noise(cells: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Join the judgements of one subject's cells: all flags, the worst of each number, and each cell's own."""
    if not cells:
        return {"verdict": "quiet", "flags": [], "cells": {}}
    flags = list(dict.fromkeys(flag for cell in cells.values() for flag in cell["flags"]))
    names = [name for name in next(iter(cells.values())) if name not in {"verdict", "flags"}]
    worst: dict[str, Any] = {}
    for name in names:
        known = [cell[name] for cell in cells.values() if cell[name] is not None]
        if not known:
            worst[name] = None
        elif name in LOWER_IS_WORSE:
            worst[name] = min(known)
        else:
            worst[name] = max(known, key=abs)
    return {"verdict": verdict(flags), "flags": flags, **worst, "cells": cells}


def _total(bursts: list[dict[str, Any]], name: str, scale: float = 1.0) -> float | None:
    values = [burst.get(name) for burst in bursts]
    known = [value for value in values if value is not None]
    return None if not known or len(known) < len(values) else sum(known) * scale


def _share(part: float | None, whole: float) -> float | None:
    return None if part is None or not whole else float(part / whole)


def _spread(bursts: list[dict[str, Any]]) -> float | None:
    """Return the median absolute deviation over the median. Each time is first divided by the median of its own input:
    texts of other lengths take other times, and that is not noise.
    """
    by_input: dict[int, list[int]] = {}
    for burst in bursts:
        for index, nanoseconds in zip(burst["feeds"], burst["nanoseconds"], strict=True):
            by_input.setdefault(index, []).append(nanoseconds)
    relative = (
        np.concatenate([np.asarray(times) / np.median(times) for times in by_input.values()]) if by_input else np.empty(0)
    )
    return float(np.median(np.abs(relative - 1.0))) if len(relative) > 1 else None


def _drift(bursts: list[dict[str, Any]]) -> float | None:
    """Return the change from the first half of the rounds to the second, each of the same inputs."""
    if len(bursts) < 4:
        return None
    medians = [float(np.median(burst["nanoseconds"])) for burst in bursts]
    half = len(medians) // 2
    return float(np.median(medians[-half:]) / np.median(medians[:half]) - 1.0)
