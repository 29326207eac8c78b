"""One run from profile to record: make what is missing, score every row, time all rows together, judge the budget."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.atomic import write_json, write_text
from compactor.base.environment import git_state, load_average, machine, versions
from compactor.base.errors import Problem, ProfileError
from compactor.base.reporter import Reporter
from compactor.base.suggest import did_you_mean
from compactor.pipeline.cascades import measure_cascades
from compactor.pipeline.chain import make_chain, make_controls, score_rows
from compactor.pipeline.elsewhere import measure_further_targets, records_of, with_records
from compactor.pipeline.estimated_rows import estimate_rows
from compactor.pipeline.execute import Session
from compactor.pipeline.plan import Plan, data_parts, make_plan, read_plan
from compactor.pipeline.publish import publish
from compactor.pipeline.references import REFERENCES, References
from compactor.pipeline.slower import tell_slower
from compactor.pipeline.store import Store
from compactor.pipeline.timing import time_rows

if TYPE_CHECKING:
    from compactor.pipeline.profile import Profile


@dataclass(frozen=True)
class Options:
    """How to run; nothing here changes a result.

    Attributes:
        online: the network may be used.
        quick: fewer samples of latency, hence wider intervals.
        measure_again: take times anew, even if those of the same graphs are kept.
        timing: measure how fast each row is; without it a run on a busy machine leaves that to a later one.
        until: stop after this stage, without measuring.
        redo: stages whose artifacts are made again even if they are in the store.
        threads: cores to use; by default all that this process may use.
        command: how this run was called, for the report.
    """

    online: bool = False
    quick: bool = False
    measure_again: bool = False
    timing: bool = True
    until: str = ""
    redo: tuple[str, ...] = ()
    threads: int | None = None
    command: str = ""


def run(
    profile: Profile, store: Store, folder: Path, reporter: Reporter, options: Options | None = None
) -> dict[str, Any] | None:
    """Run a profile and return its report, or None when it stopped at `options.until`.

    What is finished stays in the store at any kill; the same call goes on where it stopped.

    Args:
        profile: checked and frozen.
        store: artifacts of this and other runs.
        folder: the run folder, `runs/NAME`.
        reporter: sentences, events, progress.
        options: see `Options`.

    Raises:
        ProfileError: P053 `options` name a stage that the profile does not have.
        StageError, DataError, MissingError: in one sentence each, with the exit status.
    """
    options = options or Options()
    _check_stages(profile, options)
    begun = time.perf_counter()
    references = References(folder / REFERENCES)
    session = Session(profile, store, reporter, options.threads or machine()["cores_allowed"], options.online, references)
    environment = {"machine": machine(), "versions": versions(), "load_at_start": load_average(), "git": git_state(Path.cwd())}
    write_json(folder / "environment.json", environment)
    data = data_parts(profile)
    plan = _plan(session, folder, data, options)
    rows = make_chain(session, plan, folder, options.until)
    if rows is None:
        return None
    controls = make_controls(session, plan, data, rows)
    score_rows(session, rows, controls)
    how = {"quick": options.quick, "anew": options.measure_again}
    measured = options.timing and time_rows(session, rows + controls, folder, **how)
    if options.timing:
        estimate_rows(session, rows + controls)
        tell_slower(session, rows, folder)
    measure_cascades(session, rows, folder, timed=options.timing, **how)
    if options.timing and not measured and all(row.from_store for row in rows):
        reporter.say("nothing to do: every stage is in the store and every row is measured")
    also = measure_further_targets(session, rows[-1], folder, **how) if options.timing else []
    earlier = records_of(folder)
    report = publish(session, rows, controls, folder, environment, options.command, time.perf_counter() - begun)
    report = with_records(folder, report, earlier, also)
    references.settle()
    reporter.event("run", state="done", seconds=report["seconds"], met=report["budget"]["met"])
    return report


def _check_stages(profile: Profile, options: Options) -> None:
    """Refuse stages that are not there: a run that never reaches the one it should stop after would make everything."""
    known = {name for step in profile.steps for name in (step.label, step.name)}
    named = [("--to", options.until)] if options.until else []
    named += [("--redo", name) for name in options.redo]
    problems = [
        Problem("P053", f"{option} {name}: this profile has no such stage", did_you_mean(name, known))
        for option, name in named
        if name not in known
    ]
    if problems:
        raise ProfileError(problems)


def _plan(session: Session, folder: Path, data: dict[str, Any], options: Options) -> Plan:
    """Make the plan, drop what is to be made again, and leave plan and profile in the run folder."""
    profile, store = session.profile, session.store
    kept = folder / "plan.json"
    previous = read_plan(kept)
    plan = make_plan(profile, store, data, previous)
    redo = [step for step in plan.steps if {step.label, step.name} & set(options.redo)]
    for step in redo:
        store.discard(step.key)
    if redo:
        plan = make_plan(profile, store, data, previous)
    write_json(kept, plan.as_dict())
    write_text(folder / "profile.yaml", profile.text)
    session.references.add(*(step.key for step in plan.steps))
    session.reporter.event("plan", steps=[{"label": step.label, "state": step.state, "why": step.why} for step in plan.steps])
    return plan
