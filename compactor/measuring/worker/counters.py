"""Reads what the machine tells of itself: memory of this process, other work, clock, throttling. None where it has no such counter."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache

ROOT = ""  # of /proc and /sys; another folder in tests
# Raspberry Pi, `vcgencmd get_throttled`: under-voltage, clock capped, throttled, soft temperature limit; bits 16 to 19 since boot.
PI_NOW = 0b1111
PI_FILE = "sys/devices/platform/soc/soc:firmware/get_throttled"
SECOND_NS = 1_000_000_000


def conditions(root: str = ROOT) -> dict[str, int | None]:
    """Read the counters that are compared before and after a burst."""
    return {
        "steal_ns": steal_ns(root),
        "involuntary_switches": involuntary_switches(),
        "throttled": throttle_events(root),
        "quota_ns": quota_ns(root),
    }


def changes(before: dict[str, int | None], after: dict[str, int | None]) -> dict[str, int | None]:
    """Return how far each counter went, None where there is none."""
    found: dict[str, int | None] = {}
    for name, old in before.items():
        new = after[name]
        found[name] = None if old is None or new is None else new - old
    return found


def pressure_us(root: str = ROOT) -> int | None:
    """Return the microseconds in which some task waited for a core, since boot (Linux PSI); the kernel adds up every two seconds."""
    for line in read(f"{root}/proc/pressure/cpu").splitlines():
        if line.startswith("some"):
            return int(line.rpartition("total=")[2])
    return None


def steal_ns(root: str = ROOT) -> int | None:
    """Return the time that a hypervisor took of a core that this process may use, the mean of them (/proc/stat, eighth figure).

    Of those alone: only a core that works can be taken away, and the idle ones of a large machine would hide it.
    """
    lines = [line.split() for line in read(f"{root}/proc/stat").splitlines() if line.startswith("cpu")]
    taken = {fields[0]: int(fields[8]) for fields in lines if len(fields) > 8 and fields[0] != "cpu"}
    own = [taken[f"cpu{core}"] for core in own_cores() if f"cpu{core}" in taken] or list(taken.values())
    return round(sum(own) * _tick_ns() / len(own)) if own else None


def busy_ns(root: str = ROOT) -> int | None:
    """Return the time that all cores worked since boot, for anyone: user, nice, system, irq, softirq."""
    fields = _stat(root)
    return sum(fields[index] for index in (0, 1, 2, 5, 6)) * _tick_ns() if len(fields) > 6 else None


def involuntary_switches() -> int | None:
    """Return how often this process was put aside though it had work."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def throttle_events(root: str = ROOT) -> int | None:
    """Return how often the clock of a core that this process may use was lowered for heat since boot; None where it is not told.

    x86 counts for each core and for its package; each core adds both.
    """
    folders = [f"{root}/sys/devices/system/cpu/cpu{core}/thermal_throttle" for core in own_cores()]
    counts = [read(f"{folder}/{kind}_throttle_count").strip() for folder in folders for kind in ("package", "core")]
    known = [int(count) for count in counts if count.isdigit()]
    return sum(known) if known else None


def throttled_now(root: str = ROOT) -> int | None:
    """Return how many of a Raspberry Pi's four reasons to slow down hold at this moment; None on other machines."""
    text = read(f"{root}/{PI_FILE}").strip() or (_vcgencmd() if not root else "")
    try:
        return bin(int(text.rpartition("=")[2], 16) & PI_NOW).count("1") if text else None
    except ValueError:
        return None


def quota_ns(root: str = ROOT) -> int | None:
    """Return how long the cgroup's processor quota kept this process waiting, since it was made; None without a quota."""
    for folder in _cgroup_folders(root):
        quota = read(f"{folder}/cpu.max").split() or [read(f"{folder}/cpu.cfs_quota_us").strip()]
        if not quota[0].isdigit():
            continue  # "max" or -1: no limit here; a parent may have one
        for line in read(f"{folder}/cpu.stat").splitlines():
            name, _, value = line.partition(" ")
            if name in {"throttled_usec", "throttled_time"}:
                return int(value) * (1000 if name == "throttled_usec" else 1)
    return None


def clock_share(root: str = ROOT) -> float | None:
    """Return the present clock of this process's first core over its highest; None where it is not told."""
    core = own_cores()[0]
    folder = f"{root}/sys/devices/system/cpu/cpu{core}/cpufreq"
    now, most = (read(f"{folder}/{name}").strip() for name in ("scaling_cur_freq", "cpuinfo_max_freq"))
    return int(now) / int(most) if now.isdigit() and most.isdigit() and int(most) else None


def own_cores() -> list[int]:
    """Return the numbers of the cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def governor(root: str = ROOT) -> str | None:
    """Return the name of the rule that sets the clock, such as `performance`."""
    return read(f"{root}/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip() or None


def peak_memory_bytes(root: str = ROOT) -> int | None:
    """Return the largest resident memory so far. VmHWM, since ru_maxrss of a child starts at its parent's peak."""
    return _memory("VmHWM", root)


def resident_memory_bytes(root: str = ROOT) -> int | None:
    """Return the resident memory at this moment."""
    return _memory("VmRSS", root)


def read(path: str) -> str:
    """Return a small file's text, empty when it is not there."""
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def _memory(name: str, root: str) -> int | None:
    for line in read(f"{root}/proc/self/status").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return None


def _stat(root: str) -> list[int]:
    first = read(f"{root}/proc/stat").partition("\n")[0].split()
    return [int(field) for field in first[1:]]


def _tick_ns() -> int:
    return SECOND_NS // os.sysconf("SC_CLK_TCK")


def _cgroup_folders(root: str) -> list[str]:
    """Return this process's processor cgroup and its parents, of v2 or v1; a container may show only the top one."""
    folders = []
    for line in read(f"{root}/proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        steps = [step for step in path.split("/") if step]
        for base in ["cpu", "cpu,cpuacct"] if controllers else ["", "unified"]:
            mounted = [f"{root}/sys/fs/cgroup", *([base] if base else [])]
            folders += ["/".join([*mounted, *steps[:depth]]) for depth in range(len(steps), -1, -1)]
    return folders


@cache
def _vcgencmd_path() -> str | None:
    return shutil.which("vcgencmd")


def _vcgencmd() -> str:
    command = _vcgencmd_path()
    if command is None:
        return ""
    done = subprocess.run([command, "get_throttled"], capture_output=True, text=True, check=False)
    return done.stdout.strip()
