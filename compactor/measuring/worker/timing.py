"""Times runs: the first, until steady, a burst in one's turn, a flood beside other workers, a mix of shapes."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

from compactor.measuring.worker import counters, energy

Run = Callable[[], Any]

WINDOW = 5  # runs of one warm-up window; each window has the same inputs, so that medians can be compared
STEADY = 0.05
MOST_WARM_UP_RUNS = 50


def first(runs: list[Run]) -> dict[str, Any]:
    """Time the first run of this session."""
    begun = time.perf_counter_ns()
    runs[0]()
    return {"first_ms": (time.perf_counter_ns() - begun) / 1e6}


def warm(runs: list[Run], seconds: float) -> dict[str, Any]:
    """Run until the medians of the last two windows differ by less than 5 %, or the cap is reached."""
    window = [runs[index % len(runs)] for index in range(WINDOW)]
    medians: list[int] = []
    begun = time.perf_counter()
    steady = False
    while not steady and len(medians) * WINDOW < MOST_WARM_UP_RUNS:
        times = []
        for run in window:
            start = time.perf_counter_ns()
            run()
            times.append(time.perf_counter_ns() - start)
            if medians and time.perf_counter() - begun > seconds:
                break
        medians.append(sorted(times)[len(times) // 2])
        steady = len(medians) > 1 and abs(medians[-1] - medians[-2]) < STEADY * medians[-2]
        if time.perf_counter() - begun > seconds:
            break
    return {"runs": len(medians) * WINDOW, "steady": steady, "median_ms": medians[-1] / 1e6}


def burst(runs: list[Run], indices: list[int], discard: int) -> dict[str, Any]:
    """Time one run for each index; the first `discard` runs refill the caches that another worker emptied, and are not timed."""
    for index in indices[:discard]:
        runs[index]()
    chosen = [runs[index] for index in indices]
    times = [0] * len(chosen)
    clock = time.perf_counter_ns
    before = counters.conditions()
    gc.disable()
    cpu_begun, begun = time.process_time_ns(), clock()
    for position, run in enumerate(chosen):
        start = clock()
        run()
        times[position] = clock() - start
    wall, cpu = clock() - begun, time.process_time_ns() - cpu_begun
    gc.enable()
    clock_share = counters.clock_share()  # at once, while the core still runs at the speed that it had
    found = counters.changes(before, counters.conditions())
    now = counters.throttled_now()
    if now is not None:
        found["throttled"] = (found["throttled"] or 0) + now
    return {"nanoseconds": times, "wall_ns": wall, "cpu_ns": cpu, "clock_share": clock_share, **found}


def flood(runs: list[Run], seconds: float, at_ns: int, on_gpu: bool) -> dict[str, Any]:
    """Run without a pause, from a moment that all workers know; return when each run ended (monotonic clock, nanoseconds).

    Args:
        runs: taken in turn.
        seconds: how long.
        at_ns: the moment to begin, of the monotonic clock, which all processes of a machine share.
        on_gpu: count the GPU's energy too.
    """
    clock = time.monotonic_ns
    wait = at_ns - clock()
    if wait > 0:
        time.sleep(wait / 1e9)
    package, gpu = energy.package_microjoules(), energy.gpu_millijoules() if on_gpu else None
    ended: list[int] = []
    cpu_begun, begun = time.process_time_ns(), clock()
    until, position = begun + int(seconds * 1e9), 0
    while not ended or ended[-1] < until:
        runs[position % len(runs)]()
        ended.append(clock())
        position += 1
    cpu = time.process_time_ns() - cpu_begun
    gpu_after = energy.gpu_millijoules() if on_gpu else None
    return {
        "begun_ns": begun,
        "ended_ns": ended,
        "cpu_ns": cpu,
        "package_mj": energy.spent_millijoules(package, energy.package_microjoules()),
        "gpu_mj": None if gpu is None or gpu_after is None else gpu_after - gpu,
    }


def mix(runs: list[Run], count: int) -> dict[str, Any]:
    """Answer `count` inputs of changing shapes; return the memory before and after, and its peak."""
    before = counters.resident_memory_bytes()
    for position in range(count):
        runs[position % len(runs)]()
    return {
        "before_bytes": before,
        "resident_memory_bytes": counters.resident_memory_bytes(),
        "peak_memory_bytes": counters.peak_memory_bytes(),
    }
