"""Show the steps of a profile: in the store or to do, and why; nothing is run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.cli._places import add_overrides, add_places, store_folder

if TYPE_CHECKING:
    from compactor.pipeline.plan import Plan, PlannedStep
    from compactor.pipeline.store import Store
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

    from compactor.pipeline.estimated_rows import estimated_line
    from compactor.pipeline.plan import data_parts, make_plan, read_plan
    from compactor.pipeline.profile import load_profile
    from compactor.pipeline.store import Store

    profile = load_profile(arguments.profile, arguments.overrides)
    kept = arguments.runs / profile.name / "plan.json"
    store, previous = Store(store_folder(arguments)), read_plan(kept)
    plan = make_plan(profile, store, data_parts(profile), previous)
    if arguments.json:
        print(json.dumps(plan.as_dict(), indent=2, ensure_ascii=False))
        return 0
    times = past_times(plan, store, previous)
    out_of_reach = cannot_be_timed_here(profile.target)
    for number, step in enumerate(plan.steps, start=1):
        print(
            f"{number:2}  {step.label:<12} {step.key[:12]}  {step.state}{f': {step.why}' if step.why else ''}{took(step, times)}"
        )
        found = store.find(step.key)
        if found is not None:
            for line in version_changes(found.record["versions"]):
                print(f"        {line}")
            line = estimated_line(found, profile.target) if out_of_reach else ""
            if line:
                print(f"        {line}")
    print(f"{len(plan.to_do)} of {len(plan.steps)} to do{took_together(plan, times)}")
    return 0


def past_times(plan: Plan, store: Store, previous: dict[str, Any] | None) -> dict[str, float]:
    """Return how many seconds steps took, by label: the artifact itself, or that of the same step in the run before."""
    before = {step["label"]: step["key"] for step in (previous or {}).get("steps", [])}
    found = {step.label: store.find(step.key) or store.find(before.get(step.label, step.key)) for step in plan.steps}
    return {label: artifact.record["seconds"] for label, artifact in found.items() if artifact is not None}


def took(step: PlannedStep, times: dict[str, float]) -> str:
    """Say how long a step took when it was made, or made with other settings; nothing where that is not known."""
    from compactor.report.words import duration

    if step.label not in times:
        return ""
    return f" ({'made in' if step.state == 'in store' else 'before, it took'} {duration(times[step.label])})"


def took_together(plan: Plan, times: dict[str, float]) -> str:
    """Say how long what is to do took the last time; nothing where that is not known of any step."""
    from compactor.report.words import duration

    known = [times[step.label] for step in plan.to_do if step.label in times]
    who = "they" if len(known) == len(plan.to_do) else f"{len(known)} of them"
    return f"; before, {who} took {duration(sum(known))}" if known else ""


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
