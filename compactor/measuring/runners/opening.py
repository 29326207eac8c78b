"""From what a user writes after `--via` to a runner."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from compactor.base.errors import MissingError, Problem, ProfileError
from compactor.measuring.runners._contract import Runner
from compactor.measuring.runners.local import LocalRunner

if TYPE_CHECKING:
    from compactor.measuring.evidence import ThisMachine
    from compactor.targets import Target

KINDS = ("local", "ssh", "emulated", "docker", "browser")
GPU_PROVIDERS = ("CUDAExecutionProvider", "TensorrtExecutionProvider")
SPELLINGS = "local, ssh, ssh:user@host[:port], emulated, docker, docker:IMAGE or browser"


def open_runner(via: str, target: Target | ThisMachine, *, wheels: Path | None = None) -> Runner:
    """Return the runner that leads to a target; it is opened by a `with` block.

    Args:
        via: `local`, `ssh` (the target's host), `ssh:user@host[:port]`, `emulated` (the target's core), `docker` (the target's image),
            `docker:IMAGE`, `browser`.
        target: says host, core, image and ssh settings.
        wheels: packages for a board without network; ssh only.

    Raises:
        ProfileError: M200, `via` is not understood.
        MissingError: M200, the target does not name its host, core or image.
    """
    kind, _, place = via.partition(":")
    if kind not in KINDS or (place and kind not in ("ssh", "docker")) or via.endswith(":"):
        raise ProfileError([Problem("M200", f"--via {via} is not understood", f"write {SPELLINGS}")])
    if wheels is not None and kind != "ssh":
        raise ProfileError(
            [Problem("M200", f"--wheels brings packages to a board, not to {kind}", "leave it out, or use --via ssh")]
        )
    if kind == "ssh":
        return _ssh(place, target, wheels)
    if kind == "emulated":
        return _emulated(target)
    if kind == "docker":
        from compactor.measuring.runners.docker import DockerRunner

        image = _named(place or getattr(target, "image", None), target, "image", "docker:IMAGE")
        if image.startswith("-"):
            raise ProfileError(
                [Problem("M200", f"{image!r} is no image", "write docker:IMAGE, such as docker:compactor-runtime:cpu")]
            )
        return DockerRunner(image, gpu=target.provider in GPU_PROVIDERS)
    if kind == "browser":
        from compactor.measuring.runners.browser import BrowserRunner

        return BrowserRunner()
    return LocalRunner()


def _ssh(place: str, target: Target | ThisMachine, wheels: Path | None) -> Runner:
    from compactor.measuring.runners.ssh import SshRunner
    from compactor.targets.reach import HOST, Ssh

    host = _named(place or getattr(target, "host", None), target, "host", "ssh:user@host")
    settings = getattr(target, "ssh", None) or Ssh()
    with_port = re.fullmatch(r"([^:]+):(\d+)", host)
    if with_port:
        host, port = with_port[1], int(with_port[2])
        settings = settings.model_copy(update={"port": port})
    if not HOST.fullmatch(host):
        raise ProfileError([Problem("M200", f"{host!r} is no host", "write ssh:user@host[:port], or a Host of ~/.ssh/config")])
    return SshRunner(host, settings, wheels)


def _emulated(target: Target | ThisMachine) -> Runner:
    from compactor.measuring.runners.emulated import EmulatedRunner

    core = getattr(target, "core", None)
    if core is None:
        raise MissingError(
            "M222", f"the target {target.name} names no core to emulate", "use arm-a76 or arm-a72, or set core: cortex-a76"
        )
    return EmulatedRunner(core)


def _named(value: str | None, target: Target | ThisMachine, what: str, spelling: str) -> str:
    if not value:
        raise MissingError(
            "M200", f"the target {target.name} names no {what}", f"write --via {spelling}, or set {what} in the target"
        )
    return value
