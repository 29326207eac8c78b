"""Further targets of a profile: where the packaged model is measured beside the target that the budget is judged on."""

from __future__ import annotations

from dataclasses import dataclass

from compactor.base.settings import Settings, setting
from compactor.targets import Target

VIA = r"^(local|emulated|browser|(ssh|docker)(:.+)?)$"

NEEDS = {"ssh": "host", "docker": "image", "emulated": "core"}
HINTS = {
    "host": "write via: ssh:user@host, or set host in a copy of the target",
    "image": "write via: docker:IMAGE, or set image in a copy of the target",
    "core": "name arm-a76 or arm-a72, or set core in a copy of the target",
}


class Also(Settings):
    """One further target, and how it is reached from here."""

    target: str = setting(doc="a shipped target, or the path of a target YAML", examples=["arm-edge"])
    via: str = setting(
        "local",
        doc="local, ssh (the target's host), ssh:user@host[:port], emulated, docker, docker:IMAGE or browser",
        pattern=VIA,
        examples=["emulated"],
    )


@dataclass(frozen=True)
class Elsewhere:
    """A further target, read."""

    target: Target
    via: str

    @property
    def problem(self) -> tuple[str, str, str] | None:
        """Code, sentence and hint when the target does not name what its way needs; None when it does."""
        if self.via not in NEEDS:
            return None
        what = NEEDS[self.via]
        if getattr(self.target, what) is not None:
            return None
        sentence = f"the target {self.target.name} names no {what}, which via: {self.via} needs"
        return "P033", sentence, HINTS[what]
