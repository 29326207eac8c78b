"""`compactor clean` asks a person at a terminal, and takes no answer for a no."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from compactor.pipeline.store import Label, Store
from tests.cli.conftest import Typed


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "goes"), [("", False), ("\n", False), ("n\n", False), ("y\n", True), (" Y \n", True)])
def test_only_a_yes_deletes(
    compactor: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, *, goes: bool
) -> None:
    store = Store(tmp_path / "runs" / ".store")
    key = "a" * 64

    def fill(folder: Path, _checkpoints: Path) -> dict[str, Any]:
        (folder / "text.txt").write_text("x")
        return {"facts": {}}

    store.make(Label(key, "torch", "write", 1, {}, {}), fill)
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    status, out, err = compactor("clean")
    assert (status, err) == (0, "")
    assert "delete these 1 folders" in out
    assert (store.find(key) is None) is goes
