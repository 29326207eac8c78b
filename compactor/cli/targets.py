"""List the targets and say which can be measured from here; probe this machine, calibrate estimates, prepare an ARM Python to emulate."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compactor.measuring.runners.reachable import Way
    from compactor.targets import Target


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compactor targets`."""
    parser.add_argument(
        "action",
        nargs="?",
        default="list",
        choices=("list", "probe", "calibrate", "prepare"),
        help="what to do (default: list)",
    )
    parser.add_argument("target", nargs="?", help="list: only this one; probe: its name; calibrate: which; prepare: whose core")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="probe, calibrate: write the YAML here instead of printing it"
    )
    parser.add_argument("--via", default="local", help="calibrate: how the device is reached, as for bench (default: local)")
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="prepare: where to (default: $COMPACTOR_ARM, else the cache)"
    )
    parser.add_argument("--mirror", metavar="URL", help="prepare: Debian mirror to fetch from (default: deb.debian.org)")
    parser.add_argument("--wheels", type=Path, metavar="DIR", help="prepare: aarch64 wheels that are here already")
    parser.add_argument("--json", action="store_true", help="list: print it as JSON")


def run(arguments: argparse.Namespace) -> int:
    """List, probe, calibrate or prepare; only `prepare` uses the network, and `calibrate --via ssh` that of the device."""
    if arguments.action == "probe":
        return _probe(arguments)
    if arguments.action == "calibrate":
        from compactor.cli._calibrate import run_calibrate

        return run_calibrate(arguments)
    if arguments.action == "prepare":
        return _prepare(arguments)
    return _list(arguments)


def _list(arguments: argparse.Namespace) -> int:
    from compactor.base.environment import machine
    from compactor.measuring.providers import installed_packages
    from compactor.measuring.runners.reachable import best, ways
    from compactor.targets import load_target, target_names

    here, packages = machine(), installed_packages()
    found = []
    for name in [arguments.target] if arguments.target else target_names():
        target = load_target(name)
        found.append((target, ways(target, here, packages)))
    if arguments.json:
        import json

        listed = [
            {**target.model_dump(mode="json"), "ways": [way.as_dict() for way in open_ways], "best": _via(best(open_ways))}
            for target, open_ways in found
        ]
        print(json.dumps({"targets": listed}, indent=2, ensure_ascii=False))
        return 0
    for target, open_ways in found:
        _print(target, open_ways, best(open_ways))
    return 0


def _print(target: Target, found: list[Way], first: Way | None) -> None:
    """Print a target with its ways: the open ones, and those that only lack something."""
    print(f"{target.name:<20} {target.title}")
    for way in found:
        if way.evidence is not None:
            print(f"{'':<20}   --via {way.via:<9} {way.evidence}{f': {way.reason}' if way.reason else ''}")
        elif way.remedy or first is None:
            print(f"{'':<20}   --via {way.via:<9} not now: {way.reason}{f'  ->  {way.remedy}' if way.remedy else ''}")


def _via(way: Way | None) -> str | None:
    return None if way is None else way.via


def _probe(arguments: argparse.Namespace) -> int:
    import re
    import sys

    from ruamel.yaml import YAML

    from compactor.base.atomic import write_text
    from compactor.base.environment import RUNTIMES, machine, versions
    from compactor.measuring.providers import installed_packages, what_is_missing
    from compactor.targets.probe import target_yaml
    from compactor.targets.target import checked

    here, found = machine(), versions(RUNTIMES)
    builds = [found[build] for build in (*RUNTIMES[1:], RUNTIMES[0]) if build in found]
    gpu = "CUDAExecutionProvider"
    provider = "CPUExecutionProvider" if what_is_missing(gpu, installed_packages()) else gpu
    named = arguments.target or (arguments.output.stem if arguments.output else None) or here["product"] or "this-machine"
    name = re.sub(r"[^A-Za-z0-9]+", "-", named).strip("-").lower() or "this-machine"
    text = target_yaml(name, here, provider=provider, onnxruntime=next(iter(builds), None))
    given: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    checked(given, name)  # what is written can be read
    if arguments.output is None:
        print(text, end="")
        return 0
    write_text(arguments.output, text)
    print(f"{arguments.output} describes this machine; name it in a profile: target: {arguments.output}", file=sys.stderr)
    return 0


def _prepare(arguments: argparse.Namespace) -> int:
    from compactor.base.errors import MissingError
    from compactor.cli.say import TerminalReporter
    from compactor.measuring.runners.arm_python import MIRROR, prepare
    from compactor.measuring.runners.emulated import arm_folder
    from compactor.targets import load_target

    target = load_target(arguments.target or "arm-edge")
    if target.core is None:
        raise MissingError("M222", f"the target {target.name} names no core to emulate", "use arm-a76 or arm-a72")
    folder = arguments.folder or arm_folder()
    prepare(folder, TerminalReporter(), mirror=arguments.mirror or MIRROR, wheels=arguments.wheels)
    if folder.absolute() != arm_folder().absolute():
        print(f"export COMPACTOR_ARM={folder.absolute()}")
    return 0
