"""Workers on an emulated ARM core: proof that a bundle runs there and answers the same. Its times and memory say nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.atomic import read_json
from compactor.base.environment import machine
from compactor.base.errors import CompactorError, MissingError, StageError
from compactor.measuring.evidence import Evidence, ThisMachine
from compactor.measuring.runners._contract import Runner
from compactor.measuring.runners._cores import CORES
from compactor.measuring.worker_file import worker_file

if TYPE_CHECKING:
    from compactor.targets import Target

COMMANDS = ("qemu-aarch64", "qemu-aarch64-static")
READY = "ready.json"
ILLEGAL = (-4, 132)  # SIGILL, as a signal and as a shell's status


class EmulatedRunner(Runner):
    """Runs workers in qemu's user mode, on one named core.

    An ARM Python with onnxruntime and numpy, made by `compactor targets prepare`, runs on this machine's kernel; every one of its
    instructions is translated. A graph that needs instructions the core lacks ends with an error, as it would on the board.
    """

    kind = "emulated"
    timed = False

    def __init__(self, core: str, folder: Path | None = None) -> None:
        """Remember the core.

        Args:
            core: a name of `_cores.CORES`.
            folder: where `compactor targets prepare` put the ARM Python; by default `arm_folder()`.
        """
        self.core, self._folder = core, (folder or arm_folder()).absolute()
        self.place_name = f"{CORES[core].title}, emulated"
        self._python: Path = self._folder / "no python yet"

    def open(self) -> None:
        """Check that emulator and ARM Python are here.

        Raises:
            MissingError: M220 no qemu, M221 no ARM Python.
        """
        reason = what_is_missing(self._folder)
        if reason is not None:
            raise reason
        self._python = self._folder / "root" / "usr" / "bin" / str(read_json(self._folder / READY)["python"])

    def command(self) -> list[str]:
        """Return the emulator with the ARM Python and the worker."""
        # -L: absolute paths that lie below the prefix win, among them the core's own /proc/cpuinfo.
        prefix, home = self._folder / "cpus" / self.core, self._folder / "root" / "usr"
        given = {"PYTHONHOME": home, "PYTHONPATH": self._folder / "site", "ORT_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1"}
        words = [word for name, value in given.items() for word in ("-E", f"{name}={value}")]
        return [
            _emulator() or "",
            "-L",
            str(prefix),
            "-cpu",
            self.core,
            "-U",
            "LD_LIBRARY_PATH",
            *words,
            str(self._python),
            str(worker_file()),
        ]

    def machine(self) -> dict[str, Any]:
        """Describe the emulated core; what it cannot tell about a real board is None or unknown."""
        described = machine(self._folder / "cpus" / self.core)
        model = f"{CORES[self.core].title}, emulated by {self.version}"
        nothing = {"memory_bytes": None, "memory_limit_bytes": None, "governor": None, "product": None, "chassis": "unknown"}
        return {**described, **nothing, "machine": "aarch64", "cpu_model": model, "virtualised": True}

    def evidence(self, target: Target | ThisMachine) -> Evidence:
        """It is `emulated`, whatever the target; None when it is another architecture or core."""
        if target.machine not in ("any", "aarch64"):
            return Evidence(None, f"the target {target.name} is {target.machine}, the emulated core is aarch64")
        missing = sorted(set(target.instructions) - set(CORES[self.core].features.split()))
        if missing:
            return Evidence(None, f"the emulated {CORES[self.core].title} lacks {', '.join(missing)}")
        return Evidence(
            "emulated", f"answers come from a {CORES[self.core].title} emulated by {self.version}: no times, no memory"
        )

    def death(self, name: str, code: int, last: str) -> CompactorError | None:
        """Tell an instruction that the core lacks from other deaths."""
        if code not in ILLEGAL:
            return None
        return StageError(
            "M224",
            f"{name} ran into an instruction that a {CORES[self.core].title} does not have",
            "the graph or onnxruntime was built for newer cores: choose another precision, or another onnxruntime",
        )

    @cached_property
    def version(self) -> str:
        """The emulator's name and version: `qemu 7.2.22`."""
        told = subprocess.run([_emulator() or "false", "--version"], capture_output=True, text=True, check=False).stdout
        words = told.partition("\n")[0].split()
        return f"qemu {words[words.index('version') + 1]}" if "version" in words else "qemu"


def arm_folder() -> Path:
    """Return where the ARM Python lies: $COMPACTOR_ARM, else below the user's cache."""
    if given := os.environ.get("COMPACTOR_ARM"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "compactor" / "arm64"


def what_is_missing(folder: Path | None = None) -> MissingError | None:
    """Return what keeps a core from being emulated here, with what to type; None when nothing does."""
    if _emulator() is None:
        return MissingError("M220", "there is no emulator qemu-aarch64 here", "apt-get install qemu-user")
    if not ((folder or arm_folder()) / READY).is_file():
        return MissingError(
            "M221",
            f"there is no ARM Python in {folder or arm_folder()}",
            "compactor targets prepare arm-edge (fetches about 60 MB)",
        )
    return None


def _emulator() -> str | None:
    return next((found for name in COMMANDS if (found := shutil.which(name))), None)
