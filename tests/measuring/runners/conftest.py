"""Boards to measure on: a real sshd where it is installed, and a stand-in for the ssh client everywhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("pydantic")

from tests.measuring.runners import emulator, sshd


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


@pytest.fixture
def arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as `compactor targets prepare` makes it and an emulator, both of which only pretend."""
    commands, folder = tmp_path / "commands", tmp_path / "arm64"
    emulator.pretend(commands, folder)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COMPACTOR_ARM", str(folder))
    return folder


@pytest.fixture(scope="session")
def real_arm() -> Path:
    """The ARM Python of this machine and its emulator; the test is skipped where one of them is missing."""
    return emulator.real()
