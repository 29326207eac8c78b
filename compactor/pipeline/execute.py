"""Bring one planned step into existence: from the store when it is sound, else by running its stage."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.artifact import Artifact
from compactor.base.environment import versions
from compactor.base.finding import Finding
from compactor.base.reporter import PassingReporter, Reporter
from compactor.pipeline.ahead import ahead_of
from compactor.pipeline.plan import PlannedStep
from compactor.pipeline.references import References
from compactor.pipeline.store import Label, Store
from compactor.stages import Ahead, Work

if TYPE_CHECKING:
    from compactor.data import Data, Rows
    from compactor.pipeline.profile import Profile


@dataclass
class Session:
    """What all steps of one run share."""

    profile: Profile
    store: Store
    reporter: Reporter
    threads: int
    online: bool
    references: References = field(default_factory=References)
    datasets: list[Done] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    _data: Data | None = None
    _sound: set[str] = field(default_factory=set)
    _by_products: set[str] = field(default_factory=set)

    def open_data(self) -> Data:
        """Open the splits at first use; once per run."""
        if self._data is None:
            from compactor.data import open_data

            profile = self.profile
            self._data = open_data(
                profile.data,
                near=profile.near,
                seed=profile.seed,
                cache=self.store.root / "data",
                online=self.online,
                reporter=self.reporter,
                kind=profile.task.label_kind,
            )
            for finding in self._data.findings:
                self.reporter.finding(finding)
        return self._data

    def open_unlabelled(self) -> Rows | None:
        """Open the texts of `data.unlabelled`; None when the profile names none."""
        from compactor.data import open_unlabelled

        profile, cache = self.profile, self.store.root / "data"
        return open_unlabelled(profile.data, near=profile.near, cache=cache, online=self.online, reporter=self.reporter)

    def finding(self, finding: Finding) -> None:
        """Show what is to be known about the run as a whole, and keep it for the report."""
        self.findings.append(finding)
        self.reporter.finding(finding)

    def derive(self, name: str, parts: dict[str, Any], build: Callable[[Path], None]) -> Path:
        """Return a by-product, and remember that this run refers to it."""
        folder = self.store.derive(name, parts, build)
        self.references.add(folder.name)
        self._by_products.add(folder.name)
        return folder


@dataclass(frozen=True)
class Done:
    """An artifact, and whether this run had to make it."""

    step: PlannedStep
    artifact: Artifact
    from_store: bool


def execute(
    session: Session,
    step: PlannedStep,
    source: Artifact | None,
    teacher: Artifact | None,
    extra: Artifact | None = None,
    larger: Artifact | None = None,
) -> Done:
    """Return the artifact of a step, made from the artifact before it, the teacher, rows to train on besides, and a larger model.

    Raises:
        StageError: the stage could not do its work; what was finished before stays in the store.
    """
    inputs = {"source": source, "teacher": teacher if step.stage.uses_teacher else None}
    if extra is not None and step.stage.uses_extra:
        inputs["extra"] = extra
    if larger is not None:
        inputs["larger"] = larger
    session.references.add(step.key)
    found = _sound(session, step, inputs)
    if found is not None:
        session.references.add(*found.record["by_products"])
        session.reporter.event("step", label=step.label, key=step.key, state="in store")
        return Done(step, found, from_store=True)
    session.reporter.event("step", label=step.label, key=step.key, state="begun")
    sources = {name: (artifact.content if artifact else "") for name, artifact in inputs.items()}
    label = Label(step.key, step.kind, step.name, step.stage.version, step.stage.key(), {**step.sources, "content": sources})  # type: ignore[dict-item]
    artifact = session.store.make(
        label,
        lambda folder, checkpoints: _fill(session, step, inputs, folder, checkpoints),
        lambda: session.reporter.say(f"{step.label}: another run is making the same artifact; waiting for it"),
    )
    session.reporter.event("step", label=step.label, key=step.key, state="done", seconds=artifact.record["seconds"])
    return Done(step, artifact, from_store=False)


def _fill(
    session: Session, step: PlannedStep, inputs: dict[str, Artifact | None], folder: Path, checkpoints: Path
) -> dict[str, Any]:
    collector = PassingReporter(session.reporter)
    profile = session.profile
    work = Work(
        folder=folder,
        checkpoints=checkpoints,
        seed=profile.seed,
        task=profile.task,
        target=profile.target,
        open_data=session.open_data,
        open_unlabelled=session.open_unlabelled,
        reporter=collector,
        derive=session.derive,
        teacher=inputs["teacher"],
        extra=inputs.get("extra"),
        larger=inputs.get("larger"),
        ahead=ahead_of(profile, step.label) if step.stage.looks_ahead else Ahead(),
        threads=session.threads,
        near=profile.near,
        online=session.online,
        profile_text=profile.text,
    )
    begun = time.perf_counter()
    session._by_products.clear()
    step.stage.run(inputs["source"], work)
    return {
        "by_products": sorted(session._by_products),
        "seconds": round(time.perf_counter() - begun, 3),
        "versions": versions(),
        "findings": [finding.as_dict() for finding in collector.findings],
        "facts": work.facts,
    }


def _sound(session: Session, step: PlannedStep, inputs: dict[str, Artifact | None]) -> Artifact | None:
    """Return the stored artifact if its files are as written and it was made from these very sources."""
    found = session.store.find(step.key)
    if found is None:
        if session.store.unreadable(step.key):
            _tell_damage(session, step, "its manifest cannot be read")
        return None
    damage = found.damage() if step.key not in session._sound else ""
    for name, artifact in inputs.items():
        made_from = found.record["sources"]["content"].get(name, "")
        if not damage and artifact is not None and made_from != artifact.content:
            damage = f"it was made from another content of its {name}"
    if damage:
        _tell_damage(session, step, damage)
        session.store.discard(step.key)
        return None
    session._sound.add(step.key)
    return found


def _tell_damage(session: Session, step: PlannedStep, damage: str) -> None:
    session.reporter.say(f"{step.label}: the stored artifact is not used ({damage}); it is made again")
    session.reporter.event("damaged", label=step.label, key=step.key, damage=damage)
