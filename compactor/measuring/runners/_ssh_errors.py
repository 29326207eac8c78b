"""What ssh says when it fails, in sentences of our own."""

from __future__ import annotations

import re

from compactor.base.errors import CompactorError, MissingError, StageError

CONNECTION_FAILED = 255  # exit status of ssh itself; any other is the command's on the other side
HOST_KEY = re.compile(
    r"host key verification failed|remote host identification has changed|host key is known|host key for .* has changed", re.I
)
KEY_REFUSED = re.compile(r"permission denied|too many authentication failures", re.I)
DISK_FULL = re.compile(r"no space left|disk quota exceeded|file too large", re.I)


def refusal(host: str, told: str) -> CompactorError:
    """Say why no connection came about.

    Args:
        host: as the user named it.
        told: what ssh wrote on stderr.
    """
    if HOST_KEY.search(told):
        changed = "changed" in told.lower()
        sentence = (
            f"the host key of {host} is not the one that is known: it was set up anew, or something else answers in its place"
            if changed
            else f"the host key of {host} is not known here"
        )
        return MissingError(
            "M203",
            sentence,
            f"compare `ssh-keygen -lf` on the device, then: ssh-keygen -R {host}; ssh {host}"
            if changed
            else f"compare `ssh-keygen -lf` on the device, then: ssh {host}; or set ssh.fingerprint in the target",
        )
    if KEY_REFUSED.search(told):
        return MissingError(
            "M204", f"{host} does not accept a key of this user", f"ssh-copy-id {host}; passwords are never asked for"
        )
    return MissingError("M202", f"{host} cannot be reached: {last_line(told) or 'no answer'}", f"try: ssh {host} true")


def disk_full(host: str, name: str, needed_bytes: int, told: str) -> StageError:
    """Say that a file does not fit there; `told` ends with what `df -Pk` printed."""
    free = re.search(r"\s(\d+)\s+\d+%\s+(\S+)\s*$", told)
    where = f": {int(free[1]) / 1e3:.1f} MB are free in {free[2]}" if free else ""
    return StageError(
        "M209",
        f"the disk of {host} is full, {name} ({needed_bytes / 1e6:.1f} MB) does not fit{where}",
        "free some space there, or set ssh.folder in the target to a larger disk; nothing was left behind",
    )


def cut(host: str, name: str) -> StageError:
    """Say that the connection was lost while something was done."""
    return StageError(
        "M210", f"the connection to {host} was cut while {name}", "run the same command again: finished passes are kept"
    )


def last_line(text: str) -> str:
    """Return the last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
