"""What it takes to get the same figures again: command, seed, fingerprints, machine, versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compactor.report.rows import Report
from compactor.report.words import count, duration

NOT_KNOWN = "not known"


def reproduce_lines(report: Report) -> list[tuple[str, str]]:
    """Return what to state, as pairs of name and text, without what is not known."""
    made, environment = report.reproduce, report.environment
    # `machine` may be nested or spread: both say the same.
    machine = environment.get("machine") if isinstance(environment.get("machine"), Mapping) else environment
    assert isinstance(machine, Mapping)
    lines = [
        ("command", _text(made.get("command"))),
        ("overrides", ", ".join(map(str, made.get("overrides") or ())) or "none"),
        ("seed", _text(made.get("seed"))),
        *_data(report),
        ("target", _target(report)),
        ("processor", _text(machine.get("cpu_model"))),
        ("instruction sets", " ".join(map(str, machine.get("instruction_sets") or ())) or NOT_KNOWN),
        ("cores", _cores(machine)),
        ("memory", _memory(machine)),
        ("system", _text(machine.get("system"))),
        ("governor", _text(machine.get("governor"))),
        ("virtual machine", {"True": "yes", "False": "no"}.get(str(machine.get("virtualised")), NOT_KNOWN)),
        ("load at start", _load(environment.get("load_at_start"))),
        (
            "versions",
            ", ".join(f"{name} {version}" for name, version in _mapping(environment.get("versions")).items()) or "not recorded",
        ),
        ("git", _git(environment.get("git"))),
        (
            "finished",
            " ".join(
                filter(None, (report.finished, f"after {duration(report.seconds)}" if report.seconds is not None else ""))
            ),
        ),
    ]
    return [(name, text) for name, text in lines if text]


def reproduce_text(report: Report) -> str:
    """Return the block as plain text, for the clipboard."""
    lines = reproduce_lines(report)
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in lines)


def _data(report: Report) -> list[tuple[str, str]]:
    fingerprints, rows = _mapping(report.reproduce.get("data")), _mapping(report.data.get("rows"))
    lines = []
    for split, fingerprint in fingerprints.items():
        many = f"{rows[split]:,} rows, " if rows.get(split) else ""
        lines.append((f"{split} data", f"{many}sha256 {fingerprint}" if fingerprint else "none"))
    return lines


def _target(report: Report) -> str:
    name, title = report.target.get("name"), report.target.get("title")
    return f"{name}: {title}" if title else _text(name)


def _cores(machine: Mapping[str, Any]) -> str:
    cores, allowed, limit = (machine.get(name) for name in ("cores", "cores_allowed", "cores_limit"))
    if cores is None:
        return NOT_KNOWN
    told = str(cores)
    if allowed is not None and allowed != cores:
        told += f", {allowed} may be used"
    return f"{told}, cgroup limit {limit:g}" if limit is not None else f"{told}, no cgroup limit"


def _memory(machine: Mapping[str, Any]) -> str:
    size, limit = machine.get("memory_bytes"), machine.get("memory_limit_bytes")
    if size is None:
        return NOT_KNOWN
    told = f"{count(size)}B"
    return f"{told}, cgroup limit {count(limit)}B" if limit is not None else f"{told}, no cgroup limit"


def _load(load: Any) -> str:
    return " ".join(f"{value:.2f}" for value in load) + " (1, 5, 15 minutes)" if load else NOT_KNOWN


def _git(git: Any) -> str:
    if not git:
        return "no checkout"
    dirty = {True: ", with uncommitted changes", False: "", None: ""}[git.get("dirty")]
    return f"{git.get('commit')}{dirty}"


def _text(value: Any) -> str:
    return NOT_KNOWN if value is None or value == "" else str(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
