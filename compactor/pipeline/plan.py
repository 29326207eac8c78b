"""Each step with its key, its state and the reason, known before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.atomic import read_mapping
from compactor.base.hashing import hash_value
from compactor.pipeline.ahead import CARRYING, ahead_of
from compactor.pipeline.store import Store
from compactor.pipeline.why import State, state_of
from compactor.stages import Stage

if TYPE_CHECKING:
    from compactor.pipeline.profile import Profile

CARRIED = {"export": "exported", "quantize": "quantized"}


@dataclass(frozen=True)
class PlannedStep:
    """One step of a plan.

    Attributes:
        label: name in this profile, unique (`distill`, `distill-2`).
        name: the stage.
        stage: its settings.
        kind: kind of artifact it leaves.
        key: hash of `parts`.
        parts: everything that can change the result, by name.
        sources: key of each artifact it starts from (`source`, `teacher`, `extra`, `larger`).
        state: `in store`, `started` (a killed run left checkpoints) or `to do`.
        why: the reason for the state, in words.
        beside: further steps that make what it takes beside its source, in order; see `plan_beside`.
    """

    label: str
    name: str
    stage: Stage
    kind: str
    key: str
    parts: dict[str, Any]
    sources: dict[str, str]
    state: State
    why: str
    beside: tuple[PlannedStep, ...] = ()


@dataclass(frozen=True)
class Plan:
    """All steps of one profile, in order."""

    steps: tuple[PlannedStep, ...]

    @property
    def to_do(self) -> tuple[PlannedStep, ...]:
        """The steps that are not in the store."""
        return tuple(step for step in self.steps if step.state != "in store")

    def step(self, name: str) -> PlannedStep | None:
        """Return the first step made by a stage of this name, or None."""
        return next((step for step in self.steps if step.name == name), None)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form kept in plan.json."""
        names = ("label", "key", "parts", "state", "why")
        steps = [{**{name: getattr(step, name) for name in names}, "settings": _told(step.stage)} for step in self.steps]
        return {"schema": 1, "steps": steps}


def read_plan(path: Path) -> dict[str, Any] | None:
    """Return the plan.json of the run before; None where there is none that can be read, so that nothing is known of it."""
    plan, needed = read_mapping(path), {"label", "key", "parts", "state"}
    steps = plan.get("steps")
    whole = isinstance(steps, list) and all(isinstance(step, dict) and needed <= step.keys() for step in steps)
    return plan if whole else None


def make_plan(profile: Profile, store: Store, data: dict[str, Any], previous: dict[str, Any] | None = None) -> Plan:
    """Compute the keys of all steps and look them up.

    A key holds the key of the step before it, so the whole chain is known before anything runs; when a step is reused, the run
    compares the content of its source with the content it was made from.

    Args:
        profile: checked and frozen.
        store: where finished artifacts lie.
        data: what identifies the data (see `data_parts`).
        previous: plan.json of the run before this one, to say what changed.
    """
    steps: list[PlannedStep] = []
    before: PlannedStep | None = None
    teacher = extra = ""
    for given in profile.steps:
        beside, larger = plan_beside(profile, store, data, given.stage, steps)
        step = plan_step(
            profile,
            store,
            data,
            given.label,
            given.name,
            given.stage,
            before,
            teacher,
            previous,
            given.source_hash,
            extra,
            larger,
        )
        step = replace(step, beside=beside)
        steps.append(step)
        if given.name == "teacher" or step.kind == "answers":
            teacher = step.key
        if step.kind == "dataset":
            extra = step.key
        else:
            before = step
    return Plan(tuple(steps))


def plan_step(
    profile: Profile,
    store: Store,
    data: dict[str, Any],
    label: str,
    name: str,
    stage: Stage,
    before: PlannedStep | None,
    teacher: str,
    previous: dict[str, Any] | None = None,
    source_hash: str = "",
    extra: str = "",
    larger: str = "",
) -> PlannedStep:
    """Compute one step; also used for controls, which are steps outside the chain.

    `source_hash` is that of a user's own stage file; `teacher` and `extra` are keys of the teacher and of the dataset made last,
    `larger` that of the model that `Stage.beside` names.
    """
    sources = {"source": before.key} if before and stage.gives != "dataset" else {}
    if stage.uses_teacher and teacher:
        sources["teacher"] = teacher
    if stage.uses_extra and extra:
        sources["extra"] = extra
    if larger:
        sources["larger"] = larger
    parts: dict[str, Any] = {
        "stage": name,
        "version": stage.version,
        "settings": stage.key(),
        "task": profile.task.name,
        "data": data,
        "seed": profile.seed,
        **sources,
        **_outside(profile, label, stage, source_hash),
    }
    # Through JSON and back, so that a fresh plan and one read from plan.json compare equal.
    key = hash_value(parts)
    kind = before.kind if stage.gives == "same" and before else stage.gives
    state, why = state_of(store, key, label, parts, _told(stage), previous)
    return PlannedStep(label, name, stage, kind, key, parts, sources, state, why)


def _outside(profile: Profile, label: str, stage: Stage, source_hash: str) -> dict[str, Any]:
    """Return what a step depends on beside its settings, its sources and the data."""
    parts: dict[str, Any] = {}
    files = stage.fingerprint(profile.near) | ({"stage": source_hash} if source_hash else {})
    if files:
        parts["files"] = files
    if stage.uses_unlabelled and profile.data.unlabelled is not None:
        parts["unlabelled"] = _unlabelled(profile)
    if stage.looks_ahead:
        ahead = ahead_of(profile, label)
        stages = [[name, later.version, later.key()] for name, later in ahead.stages]
        parts["ahead"] = {"limits": ahead.limits, "stages": stages}
    if stage.uses_target or stage.looks_ahead:
        parts["target"] = profile.target.key()
    if stage.uses_profile:
        parts["profile"] = hash_value(profile.text)
    return parts


def plan_beside(
    profile: Profile, store: Store, data: dict[str, Any], stage: Stage, before: Sequence[PlannedStep]
) -> tuple[tuple[PlannedStep, ...], str]:
    """Return the steps that make the model that `Stage.beside` names, and its key; nothing and no key for a stage that names none.

    A model of torch goes through the export and quantize stages that stand in the chain so far, as the control `teacher_int8` does; a
    graph is taken as it is.
    """
    start = next((step for step in before if step.label == stage.beside), None)
    if start is None:
        return (), ""
    if start.kind != "torch":
        return (), start.key
    made: list[PlannedStep] = []
    last = start
    for step in before:
        if step.name in CARRYING:
            label = f"{start.label} {CARRIED[step.name]}"
            last = plan_step(profile, store, data, label, step.name, step.stage, last, before[0].key)
            made.append(last)
    return tuple(made), last.key


def data_parts(profile: Profile) -> dict[str, Any]:
    """Return what identifies the data: content of the files and the settings that choose rows; not where the files lie."""
    from compactor.data import fingerprint_data

    settings = {name: value for name, value in profile.data.key().items() if name not in {"train", "test", "unlabelled"}}
    return {"content": fingerprint_data(profile.data, near=profile.near), "settings": settings}


def _unlabelled(profile: Profile) -> dict[str, str]:
    """Return what identifies the texts without labels."""
    from compactor.data import fingerprint_unlabelled

    return {"content": fingerprint_unlabelled(profile.data, near=profile.near)}


def _told(stage: Stage) -> dict[str, Any]:
    """Return all settings, defaults included: a key leaves those out, a sentence about what changed does not."""
    settings: dict[str, Any] = stage.model_dump(mode="json")
    return settings
