"""Run a profile: make what is missing, measure every stage, judge the budget; it always continues where it stopped."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from compactor.cli._numbers import count
from compactor.cli._places import add_overrides, add_places, store_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compactor run`."""
    parser.add_argument("profile", type=Path, help="the profile YAML")
    add_overrides(parser)
    add_places(parser)
    parser.add_argument("--to", dest="until", default="", metavar="STAGE", help="stop after this stage, without measuring")
    parser.add_argument(
        "--redo", action="append", default=[], metavar="STAGE", help="make this stage again even if it is in the store"
    )
    parser.add_argument("--quick", action="store_true", help="fewer latency samples, hence wider intervals")
    speed = parser.add_mutually_exclusive_group()
    speed.add_argument(
        "--measure-again", action="store_true", help="measure speed anew, even if figures of the same models are kept"
    )
    speed.add_argument(
        "--no-timing", action="store_true", help="do not measure speed now: the same command without this does, later"
    )
    parser.add_argument("--online", action="store_true", help="allow the network, for models and data named by a hub id")
    parser.add_argument("--threads", type=count, default=None, metavar="N", help="cores to use (default: all that are allowed)")
    parser.add_argument("--quiet", action="store_true", help="only the result")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run the profile; exit status 0 done, 1 a stage failed, 2 the profile is wrong, 3 a budget is missed, 4 something is missing.

    Started several times together (`torchrun -m compactor run ...`), only one does; the others train when it trains.
    """
    import os

    if not arguments.online:
        # Said before any library that could open a connection is imported.
        os.environ["HF_HUB_OFFLINE"] = "1"
    from compactor.distillation.launch import leading

    with leading() as leads:
        return _run(arguments) if leads else 0


def _run(arguments: argparse.Namespace) -> int:
    import json

    from compactor.cli.say import TerminalReporter
    from compactor.pipeline.profile import load_profile
    from compactor.pipeline.run import Options
    from compactor.pipeline.run import run as run_profile
    from compactor.pipeline.store import Store

    profile = load_profile(arguments.profile, arguments.overrides)
    folder = arguments.runs / profile.name
    reporter = TerminalReporter(folder / "events.jsonl", quiet=arguments.quiet)
    for override in profile.overrides:
        reporter.say(f"set: {override}")
    options = Options(
        online=arguments.online,
        quick=arguments.quick,
        measure_again=arguments.measure_again,
        timing=not arguments.no_timing,
        until=arguments.until,
        redo=tuple(arguments.redo),
        threads=arguments.threads,
        command=shlex.join(["compactor", *sys.argv[1:]]),
    )
    report = run_profile(profile, Store(store_folder(arguments)), folder, reporter, options)
    if report is None:
        return 0
    from compactor.report import write
    from compactor.report.terminal import render

    write(folder)
    if arguments.json:
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        print(render(report))
        print(f"\nreport: {folder / 'report.html'}")
    return 0 if report["budget"]["met"] else 3
