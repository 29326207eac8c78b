"""Chooses the cores that a session is bound to: idle ones, and two threads of one physical core only when there are no others."""

from __future__ import annotations

import os
import time

from compactor.measuring.worker.counters import ROOT, read

LOOK_SECONDS = 0.15  # a clock tick is 0.01 s


def choose_cores(threads: int, root: str = ROOT) -> list[int]:
    """Return the cores for a session of `threads` threads, out of those that this process may use.

    Args:
        threads: of the session.
        root: where /proc and /sys are looked up; another folder in tests.
    """
    allowed = sorted(os.sched_getaffinity(0))
    if threads >= len(allowed):
        return allowed
    before = idle_ticks(root)
    time.sleep(LOOK_SECONDS)
    after = idle_ticks(root)
    idle = {core: after.get(core, 0) - before.get(core, 0) for core in allowed}
    return pick(threads, idle, {core: siblings(core, root) for core in allowed})


def pick(threads: int, idle: dict[int, int], together: dict[int, frozenset[int]]) -> list[int]:
    """Return the idlest cores, first one of each physical core, then their siblings.

    Args:
        threads: how many are wanted.
        idle: ticks that each core was idle; a sibling's work slows a core too, so the sum over its siblings counts.
        together: the logical cores that share one physical core, for each.
    """
    rested = {core: sum(idle.get(other, 0) for other in together[core]) for core in idle}
    order = sorted(idle, key=lambda core: (-rested[core], -idle[core], core))
    chosen: list[int] = []
    for core in order:
        if not together[core] & set(chosen):
            chosen.append(core)
    chosen += [core for core in order if core not in chosen]
    return sorted(chosen[:threads])


def idle_ticks(root: str) -> dict[int, int]:
    """Return the idle clock ticks of each core since boot (/proc/stat, idle and iowait)."""
    ticks = {}
    for line in read(f"{root}/proc/stat").splitlines():
        fields = line.split()
        if fields and fields[0].startswith("cpu") and fields[0] != "cpu" and len(fields) > 5:
            ticks[int(fields[0][3:])] = int(fields[4]) + int(fields[5])
    return ticks


def siblings(core: int, root: str) -> frozenset[int]:
    """Return the logical cores of the same physical core, itself included."""
    listed = read(f"{root}/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list").strip()
    found = {core}
    for part in listed.split(",") if listed else []:
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)
