"""Which runner can measure a target from here, what it would be worth, and what is missing. Nothing is started or connected to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from compactor.measuring.evidence import local_evidence
from compactor.measuring.providers import what_is_missing
from compactor.measuring.runners import browser, emulated

if TYPE_CHECKING:
    from compactor.targets import Target


@dataclass(frozen=True)
class Way:
    """One way to a target.

    Attributes:
        via: what to write after `--via`.
        evidence: `measured`, `proxy` or `emulated`; `told there` where only the device itself can say; None when it is no way.
        reason: why it is not `measured`, or no way.
        remedy: what to type, when something is missing that can be had.
    """

    via: str
    evidence: str | None
    reason: str = ""
    remedy: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


TOLD_THERE = "told there"


def ways(target: Target, here: dict[str, Any], packages: Mapping[str, str]) -> list[Way]:
    """Return the ways to a target, this machine first.

    Args:
        target: where a model must run.
        here: what `base.environment.machine()` found.
        packages: installed versions by name.
    """
    return [*_local(target, here, packages), *_ssh(target), *_emulated(target), *_docker(target), *_browser(target)]


def best(found: list[Way]) -> Way | None:
    """Return the way that is worth most, of those open."""
    order = ("measured", TOLD_THERE, "proxy", "emulated")
    open_ones = [way for way in found if way.evidence is not None]
    return min(open_ones, key=lambda way: order.index(way.evidence or ""), default=None)


def _local(target: Target, here: dict[str, Any], packages: Mapping[str, str]) -> Iterator[Way]:
    evidence = local_evidence(target, here)
    missing = what_is_missing(target.provider, packages)
    if evidence.kind is not None and missing:
        yield Way("local", None, "; ".join(each.sentence for each in missing), "; ".join(each.remedy for each in missing))
    else:
        yield Way("local", evidence.kind, evidence.reason)


def _ssh(target: Target) -> Iterator[Way]:
    if target.machine in ("any", "wasm32"):
        return
    if shutil.which("ssh") is None:
        yield Way("ssh", None, "there is no ssh client here", "install openssh-client")
    elif target.host is None:
        yield Way("ssh", None, "the target names no host", "--via ssh:user@host, or set host in a copy of it")
    else:
        yield Way("ssh", TOLD_THERE, f"{target.host} says what it is when it is asked")


def _emulated(target: Target) -> Iterator[Way]:
    if target.core is None:
        return
    missing = emulated.what_is_missing()
    if missing is None:
        yield Way("emulated", "emulated", "answers can be checked; no times, no memory")
    else:
        yield Way("emulated", None, missing.problem.sentence, missing.problem.hint)


def _docker(target: Target) -> Iterator[Way]:
    if target.image is None:
        return
    if shutil.which("docker") is None:
        yield Way("docker", None, "there is no docker command here", "install Docker or podman-docker")
    else:
        yield Way("docker", TOLD_THERE, f"the engine says whether {target.image} is there when it is asked")


def _browser(target: Target) -> Iterator[Way]:
    if target.form != "browser":
        return
    missing = browser.what_is_missing()
    if missing is None:
        yield Way("browser", "proxy", "visitors of a page have other processors and browsers")
    else:
        yield Way("browser", None, missing.problem.sentence, missing.problem.hint)
