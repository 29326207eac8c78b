"""Say what this machine has and lacks: Python, packages, processor, limits, disk, targets; each complaint with what to type."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.environment import BF16_INSTRUCTIONS
from compactor.cli._line import Line

if TYPE_CHECKING:
    from compactor.measuring.runners.reachable import Way

LEAST_DISK_BYTES = 2 * 10**9
LEAST_MEMORY_BYTES = 3 * 10**9
GIB = 1 << 30
DOT_PRODUCTS = {"avx512_vnni", "avx_vnni", "asimddp"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compactor doctor`."""
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print one line a thing; exit status 4 when something must be mended."""
    from compactor.base.environment import load_average, machine, versions
    from compactor.cli._packages import package_lines

    here, installed = machine(), versions()
    lines = [python_line(), *package_lines(installed), *machine_lines(here), disk_line(Path.cwd()), *target_lines(here)]
    lines.append(Line("ok", "network", "not needed; only run --online uses it"))
    wrong = any(line.state == "error" for line in lines)
    if arguments.json:
        import json

        told = {"ok": not wrong, "machine": here, "versions": installed, "load_average": load_average()}
        print(json.dumps({**told, "lines": [asdict(line) for line in lines]}, indent=2, ensure_ascii=False))
    else:
        for line in lines:
            remedy = f"  ->  {line.remedy}" if line.remedy else ""
            print(f"{line.state:<5} {line.about:<16} {line.found}{remedy}")
    return 4 if wrong else 0


def python_line() -> Line:
    """Tell which interpreter this is; a too old one cannot install compactor."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Line("ok", "python", f"{version} in {sys.prefix}")


def machine_lines(here: dict[str, Any]) -> list[Line]:
    """Tell processor, cores, memory and clock, with what makes measurements doubtful."""
    sets = here["instruction_sets"]
    lines = [
        Line("ok", "processor", f"{here['cpu_model']} ({here['machine']})"),
        Line("ok", "instructions", " ".join(sets) or "unknown"),
    ]
    if sets and not DOT_PRODUCTS & set(sets):
        remedy = "choose a target with int8_dot_product: false"
        lines.append(
            Line("note", "int8", "no 8-bit dot products here: int8 gains less, and full-range weights can saturate", remedy)
        )
    precision = "fp32" if BF16_INSTRUCTIONS.isdisjoint(sets) else "bf16"
    lines.append(Line("ok", "training", f"{precision} inside the layers (train.precision: auto)"))
    limit = f", limited to {here['cores_limit']:g} by the container" if here["cores_limit"] else ""
    lines.append(Line("ok", "cores", f"{here['cores_allowed']} usable of {here['cores']}{limit}"))
    lines.append(memory_line(here))
    if here["governor"] not in {None, "performance"}:
        found = f"the clock governor is {here['governor']}: times will vary"
        lines.append(Line("note", "clock", found, "sudo cpupower frequency-set -g performance"))
    if here["virtualised"]:
        lines.append(
            Line("note", "virtual machine", "neighbours can disturb times", "trust the ratios more than the milliseconds")
        )
    return lines


def memory_line(here: dict[str, Any]) -> Line:
    """Check the memory that this process may use."""
    sizes = [size for size in (here["memory_bytes"], here["memory_limit_bytes"]) if size]
    if not sizes:
        return Line("note", "memory", "unknown", "have at least 3 GB")
    found = f"{min(sizes) / GIB:.1f} GiB" + (" (limited by the container)" if min(sizes) != here["memory_bytes"] else "")
    if min(sizes) < LEAST_MEMORY_BYTES:
        return Line("note", "memory", found, "enough for loading bundles; making them wants 3 GB")
    return Line("ok", "memory", found)


def disk_line(folder: Path) -> Line:
    """Check the free space where runs will be written."""
    import shutil

    free = shutil.disk_usage(folder).free
    if free < LEAST_DISK_BYTES:
        return Line("error", "disk", f"{free / 1e9:.1f} GB free in {folder}", "compactor clean, or free 2 GB")
    return Line("ok", "disk", f"{free / 1e9:.1f} GB free in {folder}")


def target_lines(here: dict[str, Any]) -> list[Line]:
    """Tell which shipped targets can be measured on this machine."""
    try:
        from compactor.targets import load_target, target_names
    except ModuleNotFoundError:
        return [Line("note", "targets", "not read: the toolchain is not installed", 'pip install "compactor[toolchain]"')]
    from compactor.measuring.providers import installed_packages
    from compactor.measuring.runners.reachable import ways

    packages = installed_packages()
    return [target_line(name, ways(load_target(name), here, packages)) for name in target_names()]


def target_line(name: str, found: list[Way]) -> Line:
    """Tell how a target can be measured from here, or what is missing and what to type; the first way is this machine."""
    local, about = found[0], f"target {name}"
    if local.evidence is not None:
        return Line("ok", about, "this machine" if local.evidence == "measured" else f"by proxy: {local.reason}")
    if local.remedy:
        return Line("note", about, f"not here: {local.reason}", local.remedy)
    elsewhere = [way.remedy or f"--via {way.via}" for way in found[1:] if way.evidence or way.remedy]
    return Line("ok", about, f"not here: {local.reason}", "; or ".join(elsewhere))
