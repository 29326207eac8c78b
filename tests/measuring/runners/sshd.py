"""A real sshd on 127.0.0.1 for one test (own port, own host key, one authorized key, the present user), and a stand-in for ssh."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from compactor.base.errors import CompactorError
from compactor.targets.reach import Ssh

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin")


@dataclass
class Board:
    """What a test needs: the host as ssh takes it, the client's configuration, and the folder that stands for the board's disk."""

    host: str
    port: int
    folder: Path
    keys: Path
    process: subprocess.Popen[bytes]

    def settings(self, **more: object) -> Ssh:
        import sys

        given = {"config": str(self.keys / "config"), "folder": str(self.folder / "disk"), "python": sys.executable}
        return Ssh.model_validate(given | more)

    def left_behind(self) -> list[str]:
        """What lies on the board's disk, after a moment for the other side to tidy up."""
        for _ in range(100):
            left = sorted(path.name for path in (self.folder / "disk").iterdir())
            if not left:
                break
            time.sleep(0.1)
        return left

    def sessions(self) -> list[int]:
        """Process ids of sshd's children: cutting the connection is ending them."""
        found = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [int(word) for word in found.stdout.split()]


def start(folder: Path) -> Board:
    """Start it, or skip with a sentence."""
    if SSHD is None or shutil.which("ssh-keygen") is None:
        pytest.skip("sshd is not installed (apt-get install openssh-server)")
    keys = folder / "keys"
    keys.mkdir(mode=0o700)
    (folder / "disk").mkdir()
    for name in ("host", "user", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / name)], check=True)
    shutil.copy(keys / "user.pub", keys / "authorized")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd run by root wants it
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (keys / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {keys}/host\nAuthorizedKeysFile {keys}/authorized\nStrictModes no\n"
        f"UsePAM no\nPasswordAuthentication no\nPidFile none\nPermitRootLogin prohibit-password\nLogLevel ERROR\n"
    )
    user = getpass.getuser()
    (keys / "config").write_text(
        f"Host board\n  HostName 127.0.0.1\n  Port {port}\n  User {user}\n  IdentityFile {keys}/user\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {keys}/known\n  GlobalKnownHostsFile none\n"
    )
    know(keys, port, "host")
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(keys / "sshd_config")], stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return Board("board", port, folder, keys, process)
        if process.poll() is not None:
            pytest.skip("sshd does not start here")
        time.sleep(0.05)
    process.kill()
    process.wait()
    pytest.skip("sshd does not answer here")
    raise AssertionError


def know(keys: Path, port: int, name: str) -> None:
    """Let the client take `name` for the board's host key."""
    kind, key = (keys / f"{name}.pub").read_text().split()[:2]
    (keys / "known").write_text(f"[127.0.0.1]:{port} {kind} {key}\n")


def fingerprint(keys: Path, name: str) -> str:
    told = subprocess.run(["ssh-keygen", "-lf", str(keys / f"{name}.pub")], capture_output=True, text=True, check=True).stdout
    return told.split()[1]


FAKE = """#!/bin/sh
# Stands for the ssh client: runs the last argument here, or fails as the file `fails` says.
if [ -s "$(dirname "$0")/fails" ]; then cat "$(dirname "$0")/fails" >&2; exit 255; fi
for last; do :; done
exec sh -c "$last"
"""


def fake(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    """Put a stand-in for ssh on the PATH that runs everything on this machine."""
    commands = folder / "commands"
    commands.mkdir()
    (folder / "disk").mkdir()
    (commands / "ssh").write_text(FAKE)
    (commands / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    return Board("board", 0, folder, commands, subprocess.Popen(["true"]))


def code_of(caught: pytest.ExceptionInfo[CompactorError]) -> str:
    return caught.value.problem.code
