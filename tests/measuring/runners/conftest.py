"""Boards to measure on: a real sshd where it is installed, and a stand-in for the ssh client everywhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("pydantic")

from tests.measuring.runners import sshd

REAL_ARM = Path(os.environ["COMPACTOR_ARM"]) if os.environ.get("COMPACTOR_ARM") else None


@pytest.fixture(params=["stand-in", "sshd"])
def board(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sshd.Board]:
    """A machine behind ssh."""
    found = sshd.start(tmp_path) if request.param == "sshd" else sshd.fake(tmp_path, monkeypatch)
    yield found
    found.process.terminate()
    found.process.wait()


@pytest.fixture
def real_board(tmp_path: Path) -> Iterator[sshd.Board]:
    """A machine behind a real sshd; the test is skipped where there is none."""
    found = sshd.start(tmp_path)
    yield found
    found.process.terminate()
    found.process.wait()


@pytest.fixture
def make_python(tmp_path: Path) -> Callable[[str], str]:
    """Return a function that writes a Python with a fault: a shell script whose last line starts the real one."""

    def make(script: str) -> str:
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{script}\n".replace("REAL", sys.executable))
        path.chmod(0o755)
        return str(path)

    return make


QEMU = """#!/bin/sh
# Stands for qemu-aarch64: drops its options and runs the program on this machine's processor.
if [ "$1" = --version ]; then echo "qemu-aarch64 version 7.2.22 (a stand-in)"; exit; fi
while [ "${1#-}" != "$1" ]; do shift 2; done
exec "$@"
"""


@pytest.fixture
def arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as `compactor targets prepare` makes it and an emulator, both of which only pretend."""
    from compactor.measuring.runners._cores import CORES

    commands, folder = tmp_path / "commands", tmp_path / "arm64"
    commands.mkdir(exist_ok=True)
    (commands / "qemu-aarch64").write_text(QEMU)
    (commands / "qemu-aarch64").chmod(0o755)
    (folder / "root" / "usr" / "bin").mkdir(parents=True)
    python = folder / "root" / "usr" / "bin" / "python3.11"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    for name, core in CORES.items():
        (folder / "cpus" / name / "proc").mkdir(parents=True)
        (folder / "cpus" / name / "proc" / "cpuinfo").write_text(core.cpuinfo())
    (folder / "ready.json").write_text('{"python": "python3.11", "packages": {}}')
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COMPACTOR_ARM", str(folder))
    return folder


@pytest.fixture(scope="session")
def real_arm() -> Path:
    """The ARM Python of this machine and its emulator; the test is skipped where one of them is missing."""
    from compactor.measuring.runners.emulated import what_is_missing

    folder = REAL_ARM
    if folder is None or what_is_missing(folder) is not None:
        pytest.skip("needs qemu-aarch64 (apt-get install qemu-user) and $COMPACTOR_ARM (compactor targets prepare arm-edge)")
    return folder
