"""How a device is reached over ssh: what the user's own ssh settings do not say."""

from __future__ import annotations

import re

from compactor.base.settings import Settings, setting

# A user and a host, as ssh takes them; what begins with a dash would be an option.
HOST = re.compile(r"[A-Za-z0-9_\[][A-Za-z0-9_.\[\]:@%-]*")


class Ssh(Settings):
    """Beside these, `~/.ssh/config` is heeded: user, port, key, jump hosts."""

    port: int | None = setting(None, doc="by default what ~/.ssh/config says, else 22", ge=1, le=65535)
    config: str | None = setting(None, doc="an ssh configuration file instead of ~/.ssh/config")
    fingerprint: str | None = setting(
        None,
        doc="SHA256:... of the device's host key, instead of the user's known_hosts; `ssh-keygen -lf` on the device prints it",
        pattern=r"^SHA256:[A-Za-z0-9+/]{43}$",
    )
    python: str = setting(
        "python3",
        doc="the Python there that has onnxruntime and numpy, such as venv/bin/python",
        pattern=r"^[A-Za-z0-9_./~+-]+$",
    )
    folder: str = setting(
        "",
        doc="folder there for what is brought along, removed afterwards; by default the home folder",
        pattern=r"^[A-Za-z0-9_./~+-]*$",
    )
    connect_seconds: int = setting(10, doc="longest wait for the connection", ge=1, le=600)
    silent_seconds: int = setting(30, doc="a connection that is silent for so long is taken for cut", ge=3, le=3600)
    total_seconds: int = setting(3600, doc="longest time for everything", ge=10)
