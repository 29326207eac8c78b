"""An emulated core for tests: the real one where it was prepared, and a stand-in that runs on this machine's processor."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from compactor.measuring.runners._cores import CORES
from compactor.measuring.runners.emulated import what_is_missing

REAL = Path(os.environ["COMPACTOR_ARM"]) if os.environ.get("COMPACTOR_ARM") else None
QEMU = """#!/bin/sh
# Stands for qemu-aarch64: drops its options and runs the program on this machine's processor.
if [ "$1" = --version ]; then echo "qemu-aarch64 version 7.2.22 (a stand-in)"; exit; fi
while [ "${1#-}" != "$1" ]; do shift 2; done
exec "$@"
"""


def pretend(commands: Path, folder: Path) -> None:
    """Write an emulator into `commands`, and what `compactor targets prepare` would make into `folder`."""
    commands.mkdir(exist_ok=True)
    python = folder / "root" / "usr" / "bin" / "python3.11"
    python.parent.mkdir(parents=True)
    for path, text in ((commands / "qemu-aarch64", QEMU), (python, f'#!/bin/sh\nexec {sys.executable} "$@"\n')):
        path.write_text(text)
        path.chmod(0o755)
    for name, core in CORES.items():
        (folder / "cpus" / name / "proc").mkdir(parents=True)
        (folder / "cpus" / name / "proc" / "cpuinfo").write_text(core.cpuinfo())
    (folder / "ready.json").write_text('{"python": "python3.11", "packages": {}}')


def real() -> Path:
    """Return the ARM Python of this machine, or skip the test with a sentence."""
    if REAL is None or what_is_missing(REAL) is not None:
        pytest.skip("needs qemu-aarch64 (apt-get install qemu-user) and $COMPACTOR_ARM (compactor targets prepare arm-edge)")
    return REAL
