"""What a person is told of a measurement: a disturbed machine, withheld times, a container's limit, nodes on the processor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compactor.base.finding import Finding
from compactor.measuring.evidence import Evidence

TOLD_FLAGS = {
    "throttled": "the processor lowered its clock",
    "quota": "the container's quota was used up",
    "slow_clock": "the clock stood far below its highest",
    "drift": "times drifted",
    "noisy": "times scattered",
    "shared": "other processes worked",
    "few_samples": "intervals are wide",
}


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
        "stop other work and measure again (a run: with `--measure-again`); ratios and CPU milliseconds hold better than wall times"
        if contended
        else "measure again (a run: with `--measure-again`), longer or on a quieter machine; ratios hold better than single times"
    )
    return Finding(
        "M110" if contended else "M111",
        "warning" if contended else "note",
        f"the machine was {word} while {len(loud)} of {len(noises)} models were timed ({', '.join(told)})",
        hint,
    )


def throttled_finding(noises: dict[str, dict[str, Any]]) -> Finding | None:
    """Return one finding that names the models whose times are withheld; None when the processor kept its clock."""
    hot = [name for name, noise in noises.items() if "throttled" in noise["flags"]]
    if not hot:
        return None
    return Finding(
        "M113",
        "warning",
        f"the processor throttled while {', '.join(hot)} {'was' if len(hot) == 1 else 'were'} timed: such times are withheld",
        "cool the machine and check its power supply, then measure again: the next run does; the raw values are kept",
    )


def quota_finding(machine: dict[str, Any], threads: int) -> Finding | None:
    """Return a finding when the container may use less processor time than the session has threads."""
    limit = machine.get("cores_limit")
    if limit is None or limit >= threads:
        return None
    return Finding(
        "M114",
        "warning",
        f"the container may use {limit:g} of a core and the session has {threads} thread{'s' if threads > 1 else ''}: "
        "wall times hold waiting for the quota",
        f"give the container {threads} core{'s' if threads > 1 else ''} while measuring, or trust the CPU milliseconds only",
    )


def governor_finding(noises: dict[str, dict[str, Any]], governor: str | None) -> Finding | None:
    """Return a finding when the clock stood far below its highest."""
    clocks = [noise["clock"] for noise in noises.values() if "slow_clock" in noise["flags"]]
    if not clocks:
        return None
    rule = f" (governor {governor})" if governor else ""
    return Finding(
        "M115",
        "note",
        f"the clock stood at {min(clocks):.0%} of its highest while measuring{rule}",
        "sudo cpupower frequency-set -g performance",
    )


def cpu_nodes_finding(name: str, provider: str, assignment: dict[str, dict[str, int]] | None) -> Finding | None:
    """Return a note that names the operators which another provider than the one asked for runs; a target may allow that."""
    elsewhere: dict[str, int] = {}
    for other, operators in (assignment or {}).items():
        if other != provider:
            for operator, count in operators.items():
                elsewhere[operator] = elsewhere.get(operator, 0) + count
    if not elsewhere:
        return None
    told = ", ".join(f"{operator} ({count})" for operator, count in sorted(elsewhere.items(), key=lambda each: -each[1]))
    return Finding(
        "M118",
        "note",
        f"{sum(elsewhere.values())} nodes of {name} run outside {provider}: {told}",
        "shape arithmetic belongs on the processor; for anything else choose a precision that the provider has kernels for",
    )


def proxy_finding(evidence: Evidence) -> Finding | None:
    """Return a note that says why times are a proxy."""
    if evidence.kind != "proxy":
        return None
    return Finding(
        "M120",
        "note",
        f"times are a proxy: {evidence.reason}",
        "measure the bundle on the device itself with `compactor bench`",
    )


def memory_finding(peaks: Mapping[str, int | None], name: str, memory_mb: int | None) -> Finding | None:
    """Return a finding when models took more memory than the target has; None where one of the two is not known.

    Args:
        peaks: largest resident bytes of each model's process, by subject id.
        name: of the target.
        memory_mb: of the target, in units of 2^20 bytes.
    """
    known = {subject: peak for subject, peak in peaks.items() if peak is not None}
    large = {subject: peak for subject, peak in known.items() if memory_mb is not None and peak > memory_mb << 20}
    if not large:
        return None
    return Finding(
        "M123",
        "warning",
        f"{', '.join(large)} took up to {max(large.values()) >> 20} MB of memory, and {name} has {memory_mb} MB",
        "measure smaller batches and lengths, or make the model smaller; the peak holds Python and onnxruntime too",
    )
