"""The process that runs one model and times it. One file, standard library + numpy + onnxruntime: it can be copied to a board.

Talks in lines of JSON: the first line on stdin is the job, then one command a line; each is answered by one line on stdout.
The parent decides when to run, so that several workers take turns; between commands this process sleeps in a read.

    job      {"model": path, "provider": name, "threads": n, "spinning": bool, "affinity": [cores] or null}
             -> {"kind": "ready", "inputs": [{name, type, shape}], "import_ms", "load_ms", "providers", "memory_bytes": {...}}
    feeds    {"do": "feeds", "path": file.npz}   arrays are named "cell|index|input"
    first    {"do": "first", "cell": name}       the first answer of this session, in milliseconds
    warm     {"do": "warm", "cell": name, "seconds": cap}    runs until two windows agree within 5 %
    burst    {"do": "burst", "cell": name, "feeds": [index], "discard": n}   nanoseconds of each run, and what changed meanwhile
    look     {"do": "look"}                      peak memory, and the machine's pressure counter
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # must stand before onnxruntime is imported, else it writes to the home folder

WINDOW = 5  # runs of one warm-up window; each window has the same inputs, so that medians can be compared
STEADY = 0.05
MOST_WARM_UP_RUNS = 50


def main() -> int:
    """Load the model of the first line, then answer commands until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; it closes stdin
    # Nothing that a library prints may get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def reply(**fields: Any) -> None:
        answers.write(json.dumps(fields) + "\n")
        answers.flush()

    line = sys.stdin.readline()
    if not line:
        return 0
    job = json.loads(line)
    try:
        session, ready = load(job)
    except ProviderMissingError as error:
        reply(kind="error", reason="provider", message=str(error))
        return 4
    except Exception as error:  # the parent turns it into a sentence that names the model
        reply(kind="error", reason="load", message=f"{type(error).__name__}: {error}")
        return 1
    reply(kind="ready", **ready)
    feeds: dict[str, list[dict[str, Any]]] = {}
    while line := sys.stdin.readline():
        command = json.loads(line)
        try:
            reply(kind=command["do"], **obey(command, session, feeds))
        except Exception as error:  # an input that the graph does not take; told, not hidden
            reply(kind="error", reason="run", message=f"{type(error).__name__}: {error}")
    return 0


class ProviderMissingError(Exception):
    """The execution provider asked for is not there, or onnxruntime took another one."""


def load(job: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Import onnxruntime and make the session; return it with what is known after that."""
    if job.get("affinity"):
        os.sched_setaffinity(0, job["affinity"])
    memory = {"python": peak_memory_bytes()}
    begun = time.perf_counter_ns()
    import onnxruntime

    import_ms = (time.perf_counter_ns() - begun) / 1e6
    memory["runtime"] = peak_memory_bytes()
    provider = job["provider"]
    if provider not in onnxruntime.get_available_providers():
        raise ProviderMissingError(f"{provider} is not in this onnxruntime: {', '.join(onnxruntime.get_available_providers())}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if job["spinning"] else "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    begun = time.perf_counter_ns()
    session = onnxruntime.InferenceSession(job["model"], options, providers=[provider])
    load_ms = (time.perf_counter_ns() - begun) / 1e6
    memory["load"] = peak_memory_bytes()
    used = session.get_providers()
    if used[0] != provider:
        raise ProviderMissingError(f"{provider} could not be started, onnxruntime took {used[0]} instead")
    inputs = [{"name": each.name, "type": each.type, "shape": each.shape} for each in session.get_inputs()]
    versions = {"onnxruntime": onnxruntime.__version__, "python": ".".join(str(part) for part in sys.version_info[:3])}
    return session, {
        "inputs": inputs,
        "import_ms": import_ms,
        "load_ms": load_ms,
        "providers": used,
        "versions": versions,
        "memory_bytes": memory,
    }


def obey(command: dict[str, Any], session: Any, feeds: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Do one command; return the fields of its answer."""
    do = command["do"]
    if do == "feeds":
        feeds.update(read_feeds(command["path"]))
        return {"cells": {cell: len(items) for cell, items in feeds.items()}}
    if do == "first":
        begun = time.perf_counter_ns()
        session.run(None, feeds[command["cell"]][0])
        return {"first_ms": (time.perf_counter_ns() - begun) / 1e6}
    if do == "warm":
        return warm(session, feeds[command["cell"]], command["seconds"])
    if do == "burst":
        return burst(session, feeds[command["cell"]], command["feeds"], command["discard"])
    return {"peak_memory_bytes": peak_memory_bytes(), "pressure_us": pressure_us(), "clock_us": time.monotonic_ns() // 1000}


def read_feeds(path: str) -> dict[str, list[dict[str, Any]]]:
    """Read the inputs of all cells: {cell: [{input: array}]}, each array owned by this process."""
    import numpy

    cells: dict[str, dict[int, dict[str, Any]]] = {}
    with numpy.load(path) as stored:
        for key in stored.files:
            cell, index, name = key.split("|", 2)
            cells.setdefault(cell, {}).setdefault(int(index), {})[name] = numpy.ascontiguousarray(stored[key])
    return {cell: [items[index] for index in sorted(items)] for cell, items in cells.items()}


def warm(session: Any, feeds: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """Run until the medians of the last two windows differ by less than 5 %, or the cap is reached."""
    window = [feeds[index % len(feeds)] for index in range(WINDOW)]
    medians: list[int] = []
    begun = time.perf_counter()
    steady = False
    while not steady and len(medians) * WINDOW < MOST_WARM_UP_RUNS:
        times = []
        for feed in window:
            start = time.perf_counter_ns()
            session.run(None, feed)
            times.append(time.perf_counter_ns() - start)
            if medians and time.perf_counter() - begun > seconds:
                break
        medians.append(sorted(times)[len(times) // 2])
        steady = len(medians) > 1 and abs(medians[-1] - medians[-2]) < STEADY * medians[-2]
        if time.perf_counter() - begun > seconds:
            break
    return {"runs": len(medians) * WINDOW, "steady": steady, "median_ms": medians[-1] / 1e6}


def burst(session: Any, feeds: list[dict[str, Any]], indices: list[int], discard: int) -> dict[str, Any]:
    """Time one run for each index; the first `discard` runs refill the caches that another worker emptied, and are not timed."""
    for index in indices[:discard]:
        session.run(None, feeds[index])
    chosen = [feeds[index] for index in indices]
    times = [0] * len(chosen)
    clock, run = time.perf_counter_ns, session.run
    gc.disable()
    before = conditions()
    cpu_begun, begun = time.process_time_ns(), clock()
    for position, feed in enumerate(chosen):
        start = clock()
        run(None, feed)
        times[position] = clock() - start
    wall, cpu = clock() - begun, time.process_time_ns() - cpu_begun
    after = conditions()
    gc.enable()
    changes = {name: change(before[name], after[name]) for name in before}
    return {"nanoseconds": times, "wall_ns": wall, "cpu_ns": cpu, **changes}


def change(old: int | None, new: int | None) -> int | None:
    """Return how far a counter went, None where there is none."""
    return None if old is None or new is None else new - old


def conditions() -> dict[str, int | None]:
    """Read the counters that tell of other work on this machine; None where the system has none."""
    return {
        "steal_ns": steal_ns(),
        "involuntary_switches": involuntary_switches(),
        "throttled": throttled(),
    }


def pressure_us() -> int | None:
    """Return the microseconds in which some task waited for a core, since boot (Linux PSI); the kernel adds up every two seconds."""
    for line in read("/proc/pressure/cpu").splitlines():
        if line.startswith("some"):
            return int(line.rpartition("total=")[2])
    return None


def steal_ns() -> int | None:
    """Return the time that a hypervisor gave to others, summed over the cores (eighth figure of /proc/stat's first line)."""
    fields = read("/proc/stat").partition("\n")[0].split()
    return int(fields[8]) * (1_000_000_000 // os.sysconf("SC_CLK_TCK")) if len(fields) > 8 else None


def involuntary_switches() -> int | None:
    """Return how often this process was put aside though it had work."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def throttled() -> int | None:
    """Return how often the processor lowered its clock for heat; None where it does not tell."""
    count = read("/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count").strip()
    return int(count) if count else None


def peak_memory_bytes() -> int | None:
    """Return the largest resident memory so far. VmHWM, since ru_maxrss of a child starts at its parent's peak."""
    for line in read("/proc/self/status").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return None


def read(path: str) -> str:
    """Return a small file's text, empty when it is not there."""
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
