"""Containers, with a stand-in for the docker command that runs everything on this machine."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from compactor.base.environment import machine
from compactor.base.errors import MissingError, StageError
from compactor.measuring.answers_there import same_answers
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.result import Subject
from compactor.measuring.runner import Worker
from compactor.measuring.runners.docker import DockerRunner

DOCKER = """#!/bin/sh
# Stands for docker: `run` starts the entrypoint here, with the mounted folder in the place of the one inside.
echo "$@" >> FOLDER/calls
case "$1" in
version) if [ -e FOLDER/dead ]; then echo "Cannot connect to the Docker daemon" >&2; exit 1; fi; echo 28.2.2 ;;
image) for last; do :; done; if [ "$last" != known:1 ]; then echo "No such image" >&2; exit 1; fi; cat FOLDER/architecture ;;
run)
    if [ -e FOLDER/broken ]; then echo "exec: python3: not found" >&2; exit 127; fi
    while [ "$1" != --mount ]; do shift; done
    source=${2#*source=}; source=${source%%,*}; shift 2
    shift 3 # --entrypoint python3 IMAGE
    cd "$source" && exec PYTHON "$source${1#/compactor}" ;;
esac
"""
DOCKER_WITH_HOST = """#!/bin/sh
echo "$1 ${DOCKER_HOST:-none} ${OMP_WAIT_POLICY:-none}" >> FOLDER/hosts
"""
HERE = {"x86_64": "amd64", "aarch64": "arm64"}


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose files steer the stand-in."""
    folder = tmp_path / "docker"
    folder.mkdir()
    (folder / "docker").write_text(DOCKER.replace("FOLDER", str(folder)).replace("PYTHON", sys.executable))
    (folder / "docker").chmod(0o755)
    (folder / "architecture").write_text(HERE.get(platform.machine(), platform.machine()))
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def code_when_opened(image: str = "known:1") -> str:
    with pytest.raises(MissingError) as caught:
        DockerRunner(image).open()
    assert caught.value.problem.hint
    return caught.value.problem.code


def test_a_worker_starts_in_a_confined_container(docker: Path, make_model: Callable[..., Path]) -> None:
    model = make_model("chain", 1)
    with DockerRunner("known:1") as runner:
        shared = runner._shared
        # The stand-in does not mount, so that the path inside is not there; what was placed is.
        assert (shared / runner.place(model).removeprefix("/compactor/")).read_bytes() == model.read_bytes()
        with pytest.raises(StageError, match="/compactor/"):
            Worker(runner, "chain", {"provider": "CPUExecutionProvider", "model": runner.place(model)})
    assert not shared.exists()
    (run,) = [line for line in (docker / "calls").read_text().splitlines() if line.startswith("run")]
    for words in ("--rm", "--pull never", "--network none", "--read-only", "--cap-drop ALL", ",readonly"):
        assert words in run


def test_answers_come_from_the_container(
    docker: Path, make_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = DockerRunner.place
    monkeypatch.setattr(
        DockerRunner, "place", lambda self, path: placed(self, path).replace("/compactor", str(self._shared), 1)
    )
    monkeypatch.setattr("compactor.measuring.runners.docker.THERE", "/compactor")
    script = (docker / "docker").read_text().replace('"$source${1#/compactor}"', '"$1"')
    (docker / "docker").write_text(script)
    with DockerRunner("known:1") as runner:
        found = same_answers(Subject("chain", make_model("chain", 1), tokens=50), ThisMachine(), runner)
        assert runner.evidence(ThisMachine()).kind == "measured"
    assert found.passed


def test_a_worker_finds_the_engine_that_was_looked_for(
    docker: Path, make_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (docker / "docker").write_text(DOCKER_WITH_HOST.replace("FOLDER", str(docker)) + (docker / "docker").read_text())
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/user/1000/docker.sock")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    with DockerRunner("known:1") as runner, pytest.raises(StageError):
        Worker(runner, "chain", {"provider": "CPUExecutionProvider", "model": runner.place(make_model("chain", 1))})
    found = (docker / "hosts").read_text().splitlines()
    assert found[0] == "version unix:///run/user/1000/docker.sock ACTIVE"
    assert found[-1] == "run unix:///run/user/1000/docker.sock none", "and nothing else of what is set here"


@pytest.mark.skipif(os.name == "nt", reason="there is no umask")
@pytest.mark.parametrize("umask", [0o027, 0o077])
def test_the_user_of_the_image_reads_what_is_placed_whatever_the_umask(
    docker: Path, make_model: Callable[..., Path], umask: int
) -> None:
    before = os.umask(umask)
    try:
        model = make_model("chain", 1)
        (model.parent / "model.onnx_data").write_bytes(b"weights")
        with DockerRunner("known:1") as runner:
            runner.place(model)
            modes = {path: path.stat().st_mode & 0o777 for path in [runner._shared, *runner._shared.rglob("*")]}
    finally:
        os.umask(before)
    assert len(modes) == 6, "the folder, and in one each the worker, and the model with its weights"
    assert {mode for path, mode in modes.items() if path.suffix} == {0o644}
    assert {mode for path, mode in modes.items() if not path.suffix} == {0o755}


def test_another_architecture_is_emulated_by_the_engine(docker: Path) -> None:
    other = "arm64" if platform.machine() == "x86_64" else "amd64"
    (docker / "architecture").write_text(other)
    with DockerRunner("known:1") as runner:
        assert not runner.timed
        assert runner.evidence(ThisMachine()).kind == "emulated"
        assert runner.evidence(ThisMachine(name="mine", machine=platform.machine())).kind is None


@pytest.mark.parametrize(
    ("named", "image", "timed"),
    [("arm64", "arm64", True), ("AMD64", "amd64", True), ("aarch64", "arm64", True), ("arm64", "amd64", False)],
)
def test_an_architecture_is_known_by_each_of_its_names(
    docker: Path, monkeypatch: pytest.MonkeyPatch, named: str, image: str, timed: bool
) -> None:
    here = {**machine(), "machine": named}
    monkeypatch.setattr("compactor.measuring.runners.docker.machine", lambda: here)
    (docker / "architecture").write_text(image)
    with DockerRunner("known:1") as runner:
        assert runner.timed is timed
        assert runner.evidence(ThisMachine()).kind == ("measured" if timed else "emulated")


def test_the_gpus_are_handed_in_only_when_wanted() -> None:
    assert "--gpus" in " ".join(_command(DockerRunner("known:1", gpu=True)))
    assert "--gpus" not in " ".join(_command(DockerRunner("known:1")))


def _command(runner: DockerRunner) -> list[str]:
    runner._placed = dict.fromkeys([], "")
    runner.place = lambda path: str(path)  # type: ignore[method-assign]
    return runner.command()


def test_no_docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code_when_opened() == "M230"


def test_no_engine(docker: Path) -> None:
    (docker / "dead").touch()
    assert code_when_opened() == "M231"


def test_no_such_image(docker: Path) -> None:
    assert code_when_opened("unknown:1") == "M232"


def test_an_image_without_python(docker: Path, make_model: Callable[..., Path]) -> None:
    (docker / "broken").touch()
    with DockerRunner("known:1") as runner, pytest.raises(StageError, match="python3: not found") as caught:
        Worker(runner, "chain", {"provider": "CPUExecutionProvider", "model": runner.place(make_model("chain", 1))})
    assert caught.value.problem.code == "M233"
