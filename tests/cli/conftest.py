"""The command as a user types it, in an empty folder."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from compactor.cli.main import main

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def compactor(tmp_path, monkeypatch, capsys) -> Typed:
    """Run one command in this process; return its exit status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def typed(*arguments: str) -> tuple[int, str, str]:
        try:
            status = main(arguments)
        except SystemExit as end:  # argparse, for a wrong option
            status = int(end.code or 0)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return typed
