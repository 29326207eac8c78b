"""The measured processes: what cannot be measured is named, none stays, and the worker is one file that writes nothing elsewhere."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from compactor.base.errors import MissingError, StageError
from compactor.base.reporter import Reporter
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.latency import Subject, measure
from compactor.measuring.runner import LocalRunner, Worker

TARGET = ThisMachine(batches=(1, 2), lengths=(8, 16))
JOB = {"provider": "CPUExecutionProvider", "threads": 1, "spinning": False, "affinity": []}


def test_a_missing_provider_is_an_error_and_no_silent_fallback(make_model: Callable[..., Path], tmp_path: Path) -> None:
    target = ThisMachine(provider="CUDAExecutionProvider")
    with pytest.raises(MissingError, match="CUDAExecutionProvider") as caught:
        measure([Subject("m", make_model("m", 1))], target, folder_for_raw=tmp_path / "raw", reporter=Reporter())
    assert caught.value.exit_status == 4


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(StageError, match="the bad one cannot be loaded"):
        measure([Subject("the bad one", tmp_path / "bad.onnx")], TARGET, folder_for_raw=tmp_path / "raw", reporter=Reporter())
    with pytest.raises(StageError, match="there is no model file"):
        measure([Subject("m", tmp_path / "absent.onnx")], TARGET, folder_for_raw=tmp_path / "raw", reporter=Reporter())


def test_a_killed_worker_is_told_with_the_models_name(make_model: Callable[..., Path]) -> None:
    job = {**JOB, "model": str(make_model("m", 1))}
    with Worker(LocalRunner(), "the student", job) as worker:
        os.kill(worker.process_id, signal.SIGKILL)
        with pytest.raises(StageError, match="the student was killed") as caught:
            worker.ask({"do": "look"})
        assert "memory" in caught.value.problem.hint


def test_a_closed_worker_leaves_no_process(make_model: Callable[..., Path]) -> None:
    with Worker(LocalRunner(), "m", {**JOB, "model": str(make_model("m", 1))}) as worker:
        assert worker.ask({"do": "look"})["peak_memory_bytes"] != 0
    with pytest.raises(ProcessLookupError):
        os.kill(worker.process_id, 0)


def test_the_worker_is_one_file_that_runs_where_it_is_copied(make_model: Callable[..., Path], tmp_path: Path) -> None:
    import subprocess
    import sys

    from compactor.measuring.worker_file import write_worker

    board = tmp_path / "board"
    board.mkdir()
    write_worker(board / "worker.pyz")
    np.savez(board / "feeds.npz", **{"b1|0|input_ids": np.ones((1, 4), dtype=np.int64)})
    lines = [
        {**JOB, "model": str(make_model("m", 1))},
        {"do": "feeds", "path": "feeds.npz"},
        {"do": "warm", "cell": "b1", "seconds": 0.1},
        {"do": "burst", "cell": "b1", "feeds": [0, 0, 0], "discard": 1},
        {"do": "burst", "cell": "absent", "feeds": [0], "discard": 0},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run([sys.executable, "worker.pyz"], input=text, cwd=board, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["kind"] for answer in answers] == ["ready", "feeds", "warm", "burst", "error"]
    assert answers[0]["inputs"] == [{"name": "input_ids", "type": "tensor(int64)", "shape": ["batch", "sequence"]}]
    assert len(answers[3]["nanoseconds"]) == 3
    assert 0 < sum(answers[3]["nanoseconds"]) <= answers[3]["wall_ns"]


def test_the_worker_writes_nothing_under_home(
    make_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    with Worker(LocalRunner(), "m", {**JOB, "model": str(make_model("m", 1))}):
        pass
    assert list(home.iterdir()) == []
