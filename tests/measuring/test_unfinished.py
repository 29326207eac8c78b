"""A measurement whose connection is cut goes on after its finished passes, and ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pydantic")

from compactor.base.errors import StageError
from compactor.base.reporter import Reporter
from compactor.measuring import passes, unfinished
from compactor.measuring.cells import Cell
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.latency import measure
from compactor.measuring.result import Subject
from compactor.measuring.runners.local import LocalRunner
from tests.measuring.runners import sshd

TARGET = ThisMachine(batches=(1,), lengths=(8,))


class Heard(Reporter):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


class Cuttable(LocalRunner):
    """Runs here and says that its way can be cut."""

    kind = "ssh"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "compactor" / "unfinished"


@pytest.fixture
def subject(make_model: Callable[..., Path]) -> Subject:
    return Subject("chain", make_model("chain", 2), tokens=50)


def run(subject: Subject, folder: Path, reporter: Heard, runner: Any, texts: list[np.ndarray] | None = None) -> Any:
    samples = {"chain": texts} if texts else None
    found = measure([subject], TARGET, folder_for_raw=folder, reporter=reporter, seconds=1, runner=runner, samples=samples)
    return found["chain"]


def cut_in_pass(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the connection be cut at the end of a pass, before it counts as finished."""
    whole = passes.time_pass

    def cut(seats: Any, process: int, *rest: Any) -> None:
        whole(seats, process, *rest)
        if process == number:
            raise StageError("M210", "cut", "again")

    monkeypatch.setattr(passes, "time_pass", cut)


def test_it_goes_on_after_the_finished_passes(
    subject: Subject, texts: list[np.ndarray], tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        cut_in_pass(1, patched)
        with pytest.raises(StageError):
            run(subject, tmp_path / "raw", Heard(), Cuttable(), texts)
    assert len(list(cache.iterdir())) == 1
    heard = Heard()
    found = run(subject, tmp_path / "raw", heard, Cuttable(), texts)
    assert any("going on after pass 1" in sentence for sentence in heard.said)
    assert not any("pass 1 of 3" in sentence for sentence in heard.said)
    assert [sentence[-11:] for sentence in heard.said if "pass 2 of" in sentence or "pass 3 of" in sentence] == [
        "pass 2 of 3",
        "pass 3 of 3",
    ]
    import json

    raw = json.loads((tmp_path / found.latency_ms[0]["raw"]).read_text())
    assert {burst["process"] for burst in raw["rounds"]} == {0, 1, 2}, "the kept pass is part of the result"
    assert found.latency_ms[0]["n"] == sum(len(burst["nanoseconds"]) for burst in raw["rounds"])
    assert found.memory_bytes["mixed_lengths"] is None or found.memory_bytes["mixed_lengths"] > 0
    assert list(cache.iterdir()) == [], "a finished measurement leaves nothing"


def test_a_cut_while_workers_answer_side_by_side(
    subject: Subject, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*given: Any) -> None:
        raise StageError("M210", "cut", "again")

    def run_with_workers(reporter: Heard) -> Any:
        how: dict[str, Any] = {"folder_for_raw": tmp_path / "raw", "seconds": 1, "workers": 1}
        return measure([subject], TARGET, reporter=reporter, runner=Cuttable(), **how)["chain"]

    with monkeypatch.context() as patched:
        patched.setattr(passes, "flood", cut)
        with pytest.raises(StageError, match="M210"):
            run_with_workers(Heard())
    heard = Heard()
    found = run_with_workers(heard)
    assert [sentence[-11:] for sentence in heard.said if " of 3" in sentence] == ["pass 3 of 3"]
    assert [row["workers"] for row in found.throughput] == [1]
    assert found.throughput[0]["n"] > 0
    assert list(cache.iterdir()) == []


def test_another_measurement_does_not_take_its_passes(
    subject: Subject, make_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        cut_in_pass(1, patched)
        with pytest.raises(StageError):
            run(subject, tmp_path / "raw", Heard(), Cuttable())
    heard = Heard()
    run(Subject("chain", make_model("other", 3), tokens=50), tmp_path / "raw", heard, Cuttable())
    assert not any("going on" in sentence for sentence in heard.said)


def test_what_is_a_day_old_is_forgotten(subject: Subject, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        cut_in_pass(1, patched)
        with pytest.raises(StageError):
            run(subject, tmp_path / "raw", Heard(), Cuttable())
    monkeypatch.setattr(unfinished.time, "time", lambda now=time.time: now() + 25 * 3600)
    heard = Heard()
    run(subject, tmp_path / "raw", heard, Cuttable())
    assert not any("going on" in sentence for sentence in heard.said)


def test_nothing_is_kept_of_what_runs_here(subject: Subject, tmp_path: Path, cache: Path) -> None:
    run(subject, tmp_path / "raw", Heard(), LocalRunner())
    assert not cache.exists()


@pytest.mark.parametrize("cell", [Cell(1, "data"), Cell(8, 128), Cell(1, None)])
def test_cells_survive_their_names(cell: Cell) -> None:
    assert unfinished._cell(unfinished._key(cell)) == cell


def test_a_real_cut_and_the_same_command_again(subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from compactor.measuring.runners.ssh import SshRunner

    (tmp_path / "far").mkdir()
    board = sshd.start(tmp_path / "far")
    whole = passes.time_pass

    def cut(seats: Any, process: int, *rest: Any) -> None:
        if process == 1:
            for session in board.sessions():
                os.kill(session, signal.SIGKILL)
        whole(seats, process, *rest)

    try:
        with monkeypatch.context() as patched:
            patched.setattr(passes, "time_pass", cut)
            with pytest.raises(StageError, match="M210"):
                run(subject, tmp_path / "raw", Heard(), SshRunner(board.host, board.settings()))
        assert board.left_behind() == []
        heard = Heard()
        found = run(subject, tmp_path / "raw", heard, SshRunner(board.host, board.settings()))
        assert any("going on after pass 1" in sentence for sentence in heard.said)
        assert found.latency_ms
        assert board.left_behind() == []
    finally:
        board.process.terminate()
        board.process.wait()
