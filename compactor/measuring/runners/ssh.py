"""Workers on another machine, over the system's ssh client. There it takes a POSIX shell, Python, numpy and onnxruntime."""

from __future__ import annotations

import json
import platform
import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base import environment
from compactor.base.errors import CompactorError, MissingError, StageError
from compactor.base.hashing import hash_value
from compactor.measuring.evidence import Evidence, ThisMachine, local_evidence
from compactor.measuring.runners._contract import Runner, with_weights
from compactor.measuring.runners._lock import only_one
from compactor.measuring.runners._ssh_connection import Connection
from compactor.measuring.runners._ssh_errors import CONNECTION_FAILED, DISK_FULL, disk_full, last_line
from compactor.measuring.runners._wheels import Wheel, download_command, fitting_wheels
from compactor.measuring.worker_file import worker_file

if TYPE_CHECKING:
    from compactor.targets import Target
    from compactor.targets.reach import Ssh

# Runs there behind the source of base/environment.py, which is one file of standard library.
DESCRIBE = """
import json, sys
from importlib import metadata
def _installed(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
_packages = {name: _installed(name) for name in ("onnxruntime", "onnxruntime-gpu", "numpy", "tokenizers")}
print(json.dumps({
    "python": list(sys.version_info[:2]), "machine": platform.machine(), "system": platform.system(),
    "glibc": platform.libc_ver()[1] if platform.libc_ver()[0] == "glibc" else "",
    "installed": {name: version for name, version in _packages.items() if version}, "described": machine(),
}))
"""
OLDEST_PYTHON = (3, 10)  # that the worker runs in
IMPORT = "import numpy, onnxruntime; print(onnxruntime.__version__)"
ENVIRONMENT = "ORT_DISABLE_TELEMETRY=1 OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1"


class SshRunner(Runner):
    """Brings worker and models to a machine, runs them there, and takes everything away again.

    Bundle and worker lie in a folder of their own there, which goes when the connection goes. Models are timed one after the
    other by the same protocol as here; between two commands nothing runs on the other side but sleeping readers.
    """

    kind = "ssh"

    def __init__(self, host: str, settings: Ssh, wheels: Path | None = None) -> None:
        """Remember where to go.

        Args:
            host: as ssh takes it.
            settings: what ~/.ssh/config does not say.
            wheels: folder of packages to bring along, for a board that has no onnxruntime and no network.
        """
        self.place_name = host
        self._settings, self._wheels = settings, wheels
        # From here, one measurement at a time: two would disturb each other. The name is the same in the next run, which finds by it
        # what this one may leave behind.
        self._name = hash_value({"from": [platform.node(), str(Path.home())], "to": host, "folder": settings.folder})[:16]
        self._connection = Connection(host, settings, self._name)
        self._placed: dict[tuple[Path, int], str] = {}
        self._site = ""
        self._board: dict[str, Any] = {}
        self._opened = ExitStack()

    def open(self) -> None:
        """Connect, look what is there, and bring worker and wheels."""
        self._connection, self._placed, self._site = Connection(self.place_name, self._settings, self._name), {}, ""
        with ExitStack() as opening:
            opening.enter_context(only_one(f"ssh-{self._name}", self.place_name))
            opening.callback(self._connection.close)
            self._connection.open()
            self._board = self._look()
            if self._wheels is not None:
                self._bring_wheels(fitting_wheels(self._wheels, self._board, self.place_name))
            self._try_import()
            self.place(worker_file())
            self._opened = opening.pop_all()

    def close(self) -> None:
        """End the connection; the folder there goes with it."""
        self._opened.close()

    def command(self) -> list[str]:
        """Return the command whose stdin and stdout are those of a worker on the other side."""
        return self._connection.argv(self._python(shlex.quote(self.place(worker_file()))))

    def place(self, path: Path) -> str:
        """Copy a file, and the weights that lie beside a model; what is there already is not copied again."""
        path = path.absolute()
        known = (path, path.stat().st_mtime_ns)
        if known not in self._placed:
            folder = f"{self._connection.folder}/{len(self._placed)}"
            for each in with_weights(path):
                self._copy(each, f"{folder}/{each.name}")
            self._placed[known] = f"{folder}/{path.name}"
        return self._placed[known]

    def machine(self) -> dict[str, Any]:
        """Describe the machine there."""
        described: dict[str, Any] = self._board["described"]
        return described

    def evidence(self, target: Target | ThisMachine) -> Evidence:
        """Judge by what the machine there tells of itself."""
        return local_evidence(target, self.machine(), where=self.place_name)

    def death(self, name: str, code: int, last: str) -> CompactorError | None:
        """Tell a lost connection from a worker that died."""
        if code == CONNECTION_FAILED and not self._connection.alive():
            return self._connection.lost(f"{name} was measured")
        return None

    def _python(self, arguments: str) -> str:
        """Return the script that runs Python there in a clean environment."""
        python = self._settings.python
        if python.startswith("~/"):
            python = f'"$HOME"/{python[2:]}'
        elif "/" in python and not python.startswith("/"):
            python = f'"$HOME"/{python}'
        site = f"PYTHONPATH={shlex.quote(self._site)} " if self._site else ""
        # No exec: the shell turns death by a signal into a status that ssh passes on (137), and ssh alone would say 255.
        return f'env -i PATH="$PATH" HOME="$HOME" {ENVIRONMENT} {site}{python} {arguments}; exit $?'

    def _look(self) -> dict[str, Any]:
        """Ask the Python there what it is and what machine it runs on."""
        program = Path(environment.__file__).read_text(encoding="utf-8") + DESCRIBE
        done = self._connection.run(self._python("-"), "looking what is there", program.encode())
        if done.returncode != 0:
            raise self._no_python(last_line(done.stderr.decode(errors="replace")))
        board: dict[str, Any] = json.loads(done.stdout.decode().splitlines()[-1])
        if tuple(board["python"]) < OLDEST_PYTHON:
            raise self._no_python(f"it is {'.'.join(map(str, board['python']))}")
        return board

    def _no_python(self, reason: str) -> MissingError:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        return MissingError(
            "M205",
            f"{self.place_name} has no usable {self._settings.python}: {reason}",
            f"install python3 ({oldest} or newer) there, or set ssh.python in the target",
        )

    def _try_import(self) -> None:
        """Start onnxruntime there once: it may be absent, built for newer processors, or lack a library."""
        done = self._connection.run(self._python(f"-c {shlex.quote(IMPORT)}"), "starting onnxruntime")
        if done.returncode == 0:
            return
        reason = last_line(done.stderr.decode(errors="replace")) or f"ended with status {done.returncode}"
        install = f"ssh {self.place_name} {self._settings.python} -m pip install onnxruntime numpy"
        if "No module named" in reason:
            package = reason.rpartition("'")[0].rpartition("'")[2]
            sentence = f"{self.place_name} has no {package or 'onnxruntime'} in {self._settings.python}"
            raise MissingError(
                "M206", sentence, f"{install}; without network there: {download_command(self._board)}, then --wheels wheels"
            )
        raise MissingError(
            "M207", f"onnxruntime does not start on {self.place_name}: {reason}", install + " with another version"
        )

    def _bring_wheels(self, wheels: list[Wheel]) -> None:
        """Unpack the wheels into the folder of this measurement: no pip is needed there, and nothing stays installed."""
        site = f"{self._connection.folder}/site"
        for wheel in wheels:
            placed = shlex.quote(self.place(wheel.path))
            script = (
                f"{self._python(f'-m zipfile -e {placed} {shlex.quote(site)}').removesuffix('; exit $?')} && rm -f {placed}"
            )
            done = self._connection.run(script, f"unpacking {wheel.path.name}")
            if done.returncode != 0:
                told = done.stderr.decode(errors="replace")
                if DISK_FULL.search(told):
                    raise disk_full(self.place_name, wheel.path.name, wheel.path.stat().st_size, told)
                raise StageError("M208", f"{wheel.path.name} cannot be unpacked: {last_line(told)}", "download it again")
        self._site = site

    def _copy(self, path: Path, there: str) -> None:
        size = path.stat().st_size
        folder, file = shlex.quote(there.rpartition("/")[0]), shlex.quote(there)
        script = f"mkdir -p {folder} && cat >{file} && test $(wc -c <{file}) -eq {size} || {{ df -Pk {folder} | tail -n 1 >&2; exit 28; }}"
        with path.open("rb") as stream:
            done = self._connection.run(script, f"copying {path.name}", stream)
        if done.returncode == 0:
            return
        told = done.stderr.decode(errors="replace")
        if DISK_FULL.search(told):
            raise disk_full(self.place_name, path.name, size, told)
        raise StageError(
            "M213", f"{path.name} cannot be copied to {self.place_name}: {last_line(told)}", "set ssh.folder in the target"
        )
