"""Show the steps of a profile: in the store or to do, and why; nothing is run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from compactor.cli._places import add_overrides, add_places, store_folder

if TYPE_CHECKING:
    from compactor.targets import Target


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compactor plan`."""
    parser.add_argument("profile", type=Path, help="the profile YAML")
    add_overrides(parser)
    add_places(parser)
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the plan."""
    import json

    from compactor.base.atomic import read_json
    from compactor.pipeline.estimated_rows import estimated_line
    from compactor.pipeline.plan import data_parts, make_plan
    from compactor.pipeline.profile import load_profile
    from compactor.pipeline.store import Store

    profile = load_profile(arguments.profile, arguments.overrides)
    kept = arguments.runs / profile.name / "plan.json"
    store = Store(store_folder(arguments))
    plan = make_plan(profile, store, data_parts(profile), read_json(kept) if kept.is_file() else None)
    if arguments.json:
        print(json.dumps(plan.as_dict(), indent=2, ensure_ascii=False))
        return 0
    out_of_reach = cannot_be_timed_here(profile.target)
    for number, step in enumerate(plan.steps, start=1):
        print(f"{number:2}  {step.label:<12} {step.key[:12]}  {step.state}{f': {step.why}' if step.why else ''}")
        found = store.find(step.key)
        if found is not None:
            for line in version_changes(found.record["versions"]):
                print(f"        {line}")
            line = estimated_line(found, profile.target) if out_of_reach else ""
            if line:
                print(f"        {line}")
    print(f"{len(plan.to_do)} of {len(plan.steps)} to do")
    return 0


def version_changes(made_with: dict[str, str]) -> list[str]:
    """Say which libraries are of another version now than when an artifact was made."""
    from compactor.base.environment import versions

    now = versions()
    return [f"made with {name} {was}, now {now[name]}" for name, was in made_with.items() if name in now and now[name] != was]


def cannot_be_timed_here(target: Target) -> bool:
    """Whether this machine tells nothing about the target's times, so that only an estimate can be shown."""
    from compactor.base.environment import machine
    from compactor.measuring.evidence import local_evidence
    from compactor.measuring.providers import installed_packages, what_is_missing

    return local_evidence(target, machine()).kind is None or bool(what_is_missing(target.provider, installed_packages()))
