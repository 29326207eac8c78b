"""Workers behind ssh: they answer, nothing stays there however it ends, and each way to fail has its sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from compactor.base.errors import MissingError, StageError
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.runner import Worker
from compactor.measuring.runners.ssh import SshRunner
from tests.measuring.runners import sshd
from tests.measuring.runners.sshd import code_of

JOB = {"provider": "CPUExecutionProvider"}
NO_PACKAGES = 'exec REAL -I -S "$@"'


def test_a_worker_there_loads_a_model(board: sshd.Board, make_model: Callable[..., Path]) -> None:
    with SshRunner(board.host, board.settings()) as runner:
        with Worker(runner, "chain", {**JOB, "model": runner.place(make_model("chain", 2))}) as worker:
            assert [each["name"] for each in worker.ready["inputs"]] == ["input_ids"]
        assert runner.machine()["cores"] == os.cpu_count()
        assert runner.evidence(ThisMachine()).kind == "measured"
        evidence = runner.evidence(ThisMachine(name="far", machine="s390x"))
        assert evidence.kind is None
        assert "board" in evidence.reason
    assert board.left_behind() == []


def test_a_file_is_copied_once_with_the_weights_beside_it(board: sshd.Board, tmp_path: Path) -> None:
    (tmp_path / "it's a model.onnx").write_bytes(b"graph")
    (tmp_path / "it's a model.onnx.data").write_bytes(b"weights")
    with SshRunner(board.host, board.settings()) as runner:
        there = Path(runner.place(tmp_path / "it's a model.onnx"))
        assert there.read_bytes() == b"graph"
        assert Path(f"{there}.data").read_bytes() == b"weights"
        assert runner.place(tmp_path / "it's a model.onnx") == str(there)
    assert board.left_behind() == []


def test_a_folder_that_cannot_be_made(board: sshd.Board) -> None:
    (board.folder / "file").write_text("")
    with pytest.raises(StageError) as caught:
        SshRunner(board.host, board.settings(folder=str(board.folder / "file"))).open()
    assert code_of(caught) == "M213"


def test_a_python_that_is_too_old_for_the_worker_is_told_before_anything_is_timed(board: sshd.Board, tmp_path: Path) -> None:
    old = tmp_path / "old-python"
    old.write_text("#!/bin/sh\ncat >/dev/null\necho '{\"python\": [3, 9]}'\n")
    old.chmod(0o755)
    with pytest.raises(MissingError, match=r"old-python: it is 3\.9 \(install python3 \(3\.10 or newer\)") as caught:
        SshRunner(board.host, board.settings(python=str(old))).open()
    assert code_of(caught) == "M205"
    assert board.left_behind() == []


def test_no_python_there(board: sshd.Board) -> None:
    with pytest.raises(MissingError) as caught:
        SshRunner(board.host, board.settings(python="/no/such/python3")).open()
    assert code_of(caught) == "M205"
    assert board.left_behind() == []


def test_no_onnxruntime_there(board: sshd.Board, make_python: Callable[[str], str]) -> None:
    with pytest.raises(MissingError, match="has no numpy") as caught:
        SshRunner(board.host, board.settings(python=make_python(NO_PACKAGES))).open()
    assert code_of(caught) == "M206"
    assert "pip install onnxruntime numpy" in caught.value.problem.hint
    assert "--wheels" in caught.value.problem.hint
    assert board.left_behind() == []


def test_an_onnxruntime_that_this_processor_cannot_run(board: sshd.Board, make_python: Callable[[str], str]) -> None:
    python = make_python('if [ "$1" = -c ]; then kill -ILL $$; fi\nexec REAL "$@"')
    with pytest.raises(MissingError) as caught:
        SshRunner(board.host, board.settings(python=python)).open()
    assert code_of(caught) == "M207"
    assert board.left_behind() == []


def make_wheel(folder: Path, package: str, tags: str) -> None:
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{package}-9.9.0-{tags}.whl", "w") as wheel:
        wheel.writestr(f"{package}/__init__.py", "__version__ = '9.9.0'\n")


def test_wheels_are_brought_along(board: sshd.Board, make_python: Callable[[str], str], tmp_path: Path) -> None:
    for package in ("onnxruntime", "numpy"):
        make_wheel(tmp_path / "wheels", package, "py3-none-any")
    with SshRunner(board.host, board.settings(python=make_python('exec REAL -S "$@"')), tmp_path / "wheels") as runner:
        done = subprocess.run(runner.command(), input='{"model": "none", "provider": "x"}\n', capture_output=True, text=True)
        assert "get_available_providers" in done.stdout, "the onnxruntime of the wheel is the one that is used"
    assert board.left_behind() == []


def test_a_wheel_for_another_processor_is_refused_before_it_is_copied(board: sshd.Board, tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels", "numpy", "py3-none-any")
    make_wheel(tmp_path / "wheels", "onnxruntime", "py3-none-manylinux_2_17_s390x")
    with pytest.raises(MissingError, match="does not fit board: it is for manylinux_2_17_s390x") as caught:
        SshRunner(board.host, board.settings(), tmp_path / "wheels").open()
    assert code_of(caught) == "M208"
    assert "pip download" in caught.value.problem.hint
    assert board.left_behind() == []


def test_a_full_disk_there(board: sshd.Board, tmp_path: Path) -> None:
    small = board.folder / "disk"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(small)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("a small disk cannot be mounted here (needs root)")
    try:
        (tmp_path / "model.onnx").write_bytes(os.urandom(1 << 20))
        with (
            pytest.raises(StageError, match=r"the disk of board is full, model.onnx \(1.0 MB\) does not fit: 0") as caught,
            SshRunner(board.host, board.settings()) as runner,
        ):
            runner.place(tmp_path / "model.onnx")
        assert code_of(caught) == "M209"
        assert board.left_behind() == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_full_disk_is_understood_without_one(board: sshd.Board, tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"")
    with SshRunner(board.host, board.settings()) as runner:
        # /dev/full takes no byte; a folder that holds it under the model's name stands for a full disk.
        there = Path(runner._connection.folder) / "1"
        there.mkdir()
        (there / "model.onnx").symlink_to("/dev/full")
        model.write_bytes(b"graph")
        with pytest.raises(StageError) as caught:
            runner.place(model)
    assert code_of(caught) == "M209"


def test_a_connection_that_is_cut_while_a_model_runs(real_board: sshd.Board, make_model: Callable[..., Path]) -> None:
    with (
        SshRunner(real_board.host, real_board.settings()) as runner,
        Worker(runner, "chain", {**JOB, "model": runner.place(make_model("chain", 2))}) as worker,
    ):
        for process in real_board.sessions():
            os.kill(process, signal.SIGKILL)
        with pytest.raises(StageError, match="was cut while chain was measured") as caught:
            worker.ask({"do": "look"})
    assert code_of(caught) == "M210"
    assert "same command again" in caught.value.problem.hint
    assert real_board.left_behind() == []
    with SshRunner(real_board.host, real_board.settings()) as runner:
        assert runner.machine()["cores"] == os.cpu_count()


def test_nothing_stays_when_the_caller_is_killed(board: sshd.Board) -> None:
    program = (
        "import sys, time\nfrom compactor.measuring.runners.ssh import SshRunner\nfrom compactor.targets.reach import Ssh\n"
        f"with SshRunner({board.host!r}, Ssh.model_validate({board.settings().model_dump()!r})):\n"
        "    print('open', flush=True)\n    time.sleep(60)\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert caller.stdout is not None
    assert caller.stdout.readline() == "open\n"
    assert len(list((board.folder / "disk").iterdir())) == 1
    caller.kill()
    caller.wait()
    caller.stdout.close()
    assert board.left_behind() == []


def test_what_a_board_without_power_kept_is_removed_by_the_next_run(board: sshd.Board) -> None:
    runner = SshRunner(board.host, board.settings())
    kept = board.folder / "disk" / f".compactor-{runner._name}"
    kept.mkdir()
    (kept / "lease").write_text("999999\n")
    (kept / "model.onnx").write_bytes(b"old")
    others = board.folder / "disk" / ".compactor-of-someone-else"
    others.mkdir()
    with runner:
        assert not (kept / "model.onnx").exists()
    others.rmdir()
    assert board.left_behind() == []


def test_a_lease_that_did_not_notice_the_cut_is_ended(board: sshd.Board) -> None:
    first = SshRunner(board.host, board.settings())
    first._connection.open()
    kept = Path(first._connection.folder)
    (kept / "model.onnx").write_bytes(b"old")
    with SshRunner(board.host, board.settings()) as second:
        assert second._connection.folder == str(kept)
        assert not (kept / "model.onnx").exists()
    first._connection.close()
    assert board.left_behind() == []


def test_two_measurements_on_one_board_do_not_disturb_each_other(board: sshd.Board) -> None:
    with SshRunner(board.host, board.settings()):
        with pytest.raises(StageError) as caught:
            SshRunner(board.host, board.settings()).open()
        assert code_of(caught) == "M212"


def test_a_board_that_takes_too_long(board: sshd.Board) -> None:
    with SshRunner(board.host, board.settings()) as runner:
        runner._connection._expire()
        assert not runner._connection.alive()
        with pytest.raises(StageError, match="took longer than 3600 s") as caught:
            raise runner.death("chain", 255, "") or AssertionError
    assert code_of(caught) == "M211"
    assert board.left_behind() == []


def test_a_worker_that_runs_out_of_memory_there_is_no_cut(board: sshd.Board, make_model: Callable[..., Path]) -> None:
    with (
        SshRunner(board.host, board.settings()) as runner,
        Worker(runner, "chain", {**JOB, "model": runner.place(make_model("chain", 2))}) as worker,
    ):
        name = runner._connection.folder
        found = subprocess.run(["pgrep", "-f", f"python.*{name}.*worker.pyz$"], capture_output=True, text=True, check=False)
        workers = [int(word) for word in found.stdout.split() if Path(f"/proc/{word}/comm").read_text().startswith("python")]
        assert len(workers) == 1
        os.kill(workers[0], signal.SIGKILL)
        with pytest.raises(StageError) as caught:
            worker.ask({"do": "look"})
    assert code_of(caught) == "M103"
