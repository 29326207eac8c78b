"""One connection of the system's ssh client, held open; every command and file goes through it."""

from __future__ import annotations

import selectors
import shlex
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from compactor.base.errors import CompactorError, MissingError, StageError
from compactor.measuring.runners._ssh_errors import CONNECTION_FAILED, cut, last_line, refusal

if TYPE_CHECKING:
    from compactor.targets.reach import Ssh

LEASE = Path(__file__).with_name("lease.sh")
# Prints the known_hosts line of a host key only if its fingerprint ($1) is the one expected ($2); see KnownHostsCommand.
# It must succeed when the key is another one: ssh asks before it has seen one, to choose the order of algorithms.
ONE_KEY = 'test "$1" != "$2" || echo "$3 $4 $5"'
READY_SECONDS = 30  # for the other side to clear what an earlier measurement left
CLOSE_SECONDS = 30


class Connection:
    """Opened by `open`, which makes a folder on the other side; the folder goes when the connection does, however it ends.

    The first ssh process is the master (`ControlMaster`) and runs lease.sh; later ones share its connection, which takes them a
    tenth of the time, and they cannot connect by themselves: when the master is gone, so is everything.
    """

    def __init__(self, host: str, settings: Ssh, name: str) -> None:
        """Remember where to connect to.

        Args:
            host: as ssh takes it.
            settings: what ~/.ssh/config does not say.
            name: of the folder on the other side; what an earlier connection of this name left there is removed.
        """
        self.host, self.settings, self.name = host, settings, name
        self.folder = ""
        self.expired = False
        self._sockets = tempfile.TemporaryDirectory(prefix="compactor-ssh-")
        self._told = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._master: subprocess.Popen[bytes] | None = None
        self._limit = threading.Timer(settings.total_seconds, self._expire)
        self._limit.daemon = True

    def open(self) -> None:
        """Connect and make the folder.

        Raises:
            MissingError: M201 no ssh client, M202 unreachable, M203 host key, M204 key refused.
            StageError: M213 the folder cannot be made.
        """
        script = f"sh -c {shlex.quote(LEASE.read_text(encoding='utf-8'))} lease {shlex.quote(self.settings.folder)} {self.name}"
        command = [*self._client(), "-o", "ControlMaster=yes", "-o", "ControlPersist=no", self.host, script]
        try:
            self._master = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._told)
        except FileNotFoundError as error:
            raise MissingError("M201", "there is no ssh client here", "install openssh-client") from error
        line = self._line(self.settings.connect_seconds + READY_SECONDS)
        if not line.startswith("ready "):
            raise self._not_opened()
        self.folder = line.removeprefix("ready ").rstrip("\n")
        self._limit.start()

    def argv(self, script: str) -> list[str]:
        """Return the command that runs a POSIX shell script on the other side."""
        # Without the master there is no way there: a connection of its own would find the folder gone.
        alone = ["-o", "ControlMaster=no", "-o", "ProxyCommand=false"]
        return [*self._client(), *alone, self.host, f"sh -c {shlex.quote(script)}"]

    def run(self, script: str, doing: str, given: BinaryIO | bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """Run a script there and wait for it.

        Args:
            script: POSIX shell.
            doing: for the sentence when the connection is lost: "checking its Python".
            given: its stdin.

        Raises:
            StageError: M210 the connection was cut, M211 the time is over.
        """
        command = self.argv(script)
        if isinstance(given, bytes):
            done = subprocess.run(command, capture_output=True, check=False, input=given)
        else:
            done = subprocess.run(command, capture_output=True, check=False, stdin=given or subprocess.DEVNULL)
        if done.returncode == CONNECTION_FAILED and not self.alive():
            raise self.lost(doing)
        return done

    def alive(self) -> bool:
        """Whether the master still runs; asked when something failed, so it is given a moment to end."""
        if self._master is None:
            return False
        try:
            self._master.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return True
        return False

    def lost(self, doing: str) -> StageError:
        """Return the error for a connection that ended too early."""
        if self.expired:
            limit = self.settings.total_seconds
            return StageError(
                "M211",
                f"{self.host} took longer than {limit} s, the limit of the target",
                "raise ssh.total_seconds, or use --quick",
            )
        return cut(self.host, doing)

    def close(self) -> None:
        """Let the other side remove its folder, and end the connection."""
        self._limit.cancel()
        if self._master is not None:
            assert self._master.stdin is not None
            assert self._master.stdout is not None
            self._master.stdin.close()
            try:
                self._master.wait(timeout=CLOSE_SECONDS)
            except subprocess.TimeoutExpired:
                self._master.kill()
                self._master.wait()
            self._master.stdout.close()
            self._master = None
        self._told.close()
        self._sockets.cleanup()

    def _client(self) -> list[str]:
        given = self.settings
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UpdateHostKeys": "no",
            "ConnectTimeout": str(given.connect_seconds),
            "ServerAliveInterval": str(max(1, given.silent_seconds // 3)),
            "ServerAliveCountMax": "3",
            "ControlPath": f"{self._sockets.name}/master",
            "ClearAllForwardings": "yes",
            "ForwardAgent": "no",
            "PermitLocalCommand": "no",
            "RemoteCommand": "none",
            "RequestTTY": "no",
            "LogLevel": "ERROR",
        }
        if given.fingerprint:
            check = f"/bin/sh -c '{ONE_KEY}' sh %f {given.fingerprint} %H %t %K"
            options |= {"KnownHostsCommand": check, "UserKnownHostsFile": "none", "GlobalKnownHostsFile": "none"}
        # No shell stands between: ssh itself would take `~` for a folder's name.
        config = ["-F", str(Path(given.config).expanduser())] if given.config else []
        command = ["ssh", *config, *(["-p", str(given.port)] if given.port else [])]
        return command + [word for name, value in options.items() for word in ("-o", f"{name}={value}")]

    def _line(self, seconds: float) -> str:
        """Return the master's next line, empty when it ends or takes too long."""
        assert self._master is not None
        assert self._master.stdout is not None
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._master.stdout, selectors.EVENT_READ)
            if not waiting.select(seconds):
                self._master.kill()
                return ""
        return self._master.stdout.readline().decode(errors="replace")

    def _not_opened(self) -> CompactorError:
        assert self._master is not None
        status = self._master.wait()
        self._told.seek(0)
        told = self._told.read().decode(errors="replace")
        if status in (CONNECTION_FAILED, -9):
            return refusal(self.host, told)
        where = self.settings.folder or "the home folder"
        return StageError(
            "M213",
            f"{where} of {self.host} cannot be written: {last_line(told)}",
            "set ssh.folder in the target to another one",
        )

    def _expire(self) -> None:
        self.expired = True
        if self._master is not None:
            self._master.terminate()
