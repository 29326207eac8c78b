"""Says whether the machine was quiet while something was timed. An interval alone does not see contention."""

from __future__ import annotations

from typing import Any

import numpy as np

from compactor.base.finding import Finding

LEAST_CPU_USE = 0.95  # of one thread: below, the process waited for a core
MOST_PRESSURE = 0.05  # share of the time in which some task of the machine waited for a core
MOST_STEAL = 0.01  # share of the time that a hypervisor took, of all cores
MOST_SWITCHES_PER_S = 20.0
MOST_DRIFT = 0.05  # between the medians of the two halves
MOST_SPREAD = 0.05  # median absolute deviation over the median
SECOND_NS = 1e9
TOLD_FLAGS = {
    "throttled": "the processor lowered its clock",
    "drift": "times drifted",
    "noisy": "times scattered",
    "few_samples": "intervals are wide",
}


def judge_noise(
    bursts: list[dict[str, Any]],
    *,
    pressure: float | None,
    threads: int,
    cores: int,
    interval: tuple[float, float] | None,
    wanted_interval: float,
) -> dict[str, Any]:
    """Judge one subject in one cell.

    Args:
        bursts: the worker's answers in order: `nanoseconds`, `feeds`, `wall_ns`, `cpu_ns`, `steal_ns`,
            `involuntary_switches`, `throttled`; a counter may be None.
        pressure: share of the cell's time in which some task waited for a core, None where the system does not tell.
        threads: of the session; CPU use is judged for one thread only, more may rightly wait for each other.
        cores: of the machine.
        interval: 95 % interval of the median in milliseconds, None when there were too few runs.
        wanted_interval: half width over the median that was asked for.

    Returns:
        `verdict` (`quiet`, `noisy` or `contended`), `flags`, and the numbers behind them.
    """
    wall_ns = sum(burst["wall_ns"] for burst in bursts)
    numbers: dict[str, Any] = {
        "cpu_use": _share(sum(burst["cpu_ns"] for burst in bursts), wall_ns * threads),
        "pressure": pressure,
        "steal": _share(_total(bursts, "steal_ns"), wall_ns * cores),
        "involuntary_per_s": _share(_total(bursts, "involuntary_switches", SECOND_NS), wall_ns),
        "spread": _spread(bursts),
        "drift": _drift(bursts),
        "throttled": _total(bursts, "throttled"),
    }
    flags = _flags(numbers, one_thread=threads == 1)
    if interval is None or (interval[1] - interval[0]) / (interval[1] + interval[0]) > 2 * wanted_interval:
        flags.append("few_samples")
    return {"verdict": verdict(flags), "flags": flags, **numbers}


def _flags(numbers: dict[str, Any], *, one_thread: bool) -> list[str]:
    flags = []
    waited = one_thread and numbers["cpu_use"] is not None and numbers["cpu_use"] < LEAST_CPU_USE
    pushed = any(
        numbers[name] is not None and numbers[name] > most
        for name, most in (("pressure", MOST_PRESSURE), ("steal", MOST_STEAL), ("involuntary_per_s", MOST_SWITCHES_PER_S))
    )
    if waited or pushed:
        flags.append("contended")
    if numbers["throttled"]:
        flags.append("throttled")
    if numbers["drift"] is not None and abs(numbers["drift"]) > MOST_DRIFT:
        flags.append("drift")
    if numbers["spread"] is not None and numbers["spread"] > MOST_SPREAD:
        flags.append("noisy")
    return flags


def verdict(flags: list[str]) -> str:
    """Return one word for a list of flags."""
    if "contended" in flags or "throttled" in flags:
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
        elif name == "cpu_use":
            worst[name] = min(known)
        else:
            worst[name] = max(known, key=abs)
    return {"verdict": verdict(flags), "flags": flags, **worst, "cells": cells}


def noise_finding(noises: dict[str, dict[str, Any]]) -> Finding | None:
    """Return one finding for all subjects of a measurement, or None when each was quiet."""
    loud = {name: noise for name, noise in noises.items() if noise["verdict"] != "quiet"}
    if not loud:
        return None
    flags = list(dict.fromkeys(flag for noise in loud.values() for flag in noise["flags"]))
    told = [TOLD_FLAGS[flag] for flag in flags if flag in TOLD_FLAGS]
    cpu_use = min((noise["cpu_use"] for noise in loud.values() if noise.get("cpu_use") is not None), default=None)
    pressure = max((noise["pressure"] for noise in loud.values() if noise.get("pressure") is not None), default=None)
    if cpu_use is not None:
        told.append(f"CPU use down to {cpu_use:.0%}")
    if pressure is not None:
        told.append(f"pressure up to {pressure:.0%}")
    contended = any(noise["verdict"] == "contended" for noise in loud.values())
    word = "contended" if contended else "noisy"
    hint = (
        "stop other work and measure again; ratios and CPU milliseconds hold better than wall times"
        if contended
        else "measure again, longer or on a quieter machine; ratios hold better than single times"
    )
    return Finding(
        "M110" if contended else "M111",
        "warning" if contended else "note",
        f"the machine was {word} while {len(loud)} of {len(noises)} models were timed ({', '.join(told)})",
        hint,
    )


def _total(bursts: list[dict[str, Any]], name: str, scale: float = 1.0) -> float | None:
    values = [burst[name] for burst in bursts]
    return None if not values or any(value is None for value in values) else sum(values) * scale


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
