"""Emulated cores: named ones only, with their own instruction sets, answers and no times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from compactor.base.errors import MissingError
from compactor.measuring.answers_there import same_answers
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.result import Subject
from compactor.measuring.runner import Worker
from compactor.measuring.runners._cores import CORES
from compactor.measuring.runners.emulated import EmulatedRunner
from compactor.targets import load_target

JOB = {"provider": "CPUExecutionProvider"}


def test_the_command_names_the_core_and_its_own_cpuinfo(arm: Path) -> None:
    with EmulatedRunner("cortex-a72") as runner:
        command = runner.command()
    assert command[command.index("-cpu") + 1] == "cortex-a72"
    prefix = Path(command[command.index("-L") + 1])
    assert "0xd08" in (prefix / "proc" / "cpuinfo").read_text()
    assert "max" not in command


def test_only_one_of_the_cores_has_dot_products(arm: Path) -> None:
    with EmulatedRunner("cortex-a76") as a76, EmulatedRunner("cortex-a72") as a72:
        assert "asimddp" in a76.machine()["instruction_sets"]
        assert "asimddp" not in a72.machine()["instruction_sets"]
        assert a72.machine()["machine"] == "aarch64"
        assert a72.machine()["memory_bytes"] is None


def test_it_is_never_more_than_emulated(arm: Path) -> None:
    runner = EmulatedRunner("cortex-a76")
    assert not runner.timed
    assert runner.evidence(load_target("arm-edge")).kind == "emulated"
    assert "7.2.22" in runner.evidence(load_target("arm-edge")).reason
    assert runner.evidence(ThisMachine()).kind == "emulated"
    assert runner.evidence(load_target("laptop-cpu")).kind is None


def test_a_core_without_dot_products_is_no_proof_for_one_that_has_them(arm: Path) -> None:
    evidence = EmulatedRunner("cortex-a72").evidence(load_target("arm-edge"))
    assert evidence.kind is None
    assert "asimddp" in evidence.reason


def test_every_shipped_core_can_be_emulated() -> None:
    from compactor.targets import target_names

    named = {load_target(name).core for name in target_names()} - {None}
    assert named == set(CORES)


def test_a_worker_answers_through_the_emulator(arm: Path, make_model: Callable[..., Path]) -> None:
    found = same_answers(Subject("chain", make_model("chain", 2), tokens=50), ThisMachine(), EmulatedRunner("cortex-a76"))
    assert found.passed
    assert found.compared == found.given == 16


def test_no_emulator(arm: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(MissingError, match="apt-get install qemu-user") as caught:
        EmulatedRunner("cortex-a76").open()
    assert caught.value.problem.code == "M220"


def test_no_arm_python(arm: Path) -> None:
    (arm / "ready.json").unlink()
    with pytest.raises(MissingError, match="compactor targets prepare") as caught:
        EmulatedRunner("cortex-a76").open()
    assert caught.value.problem.code == "M221"


def test_an_instruction_that_the_core_lacks(arm: Path, make_model: Callable[..., Path]) -> None:
    from compactor.base.errors import StageError

    python = arm / "root" / "usr" / "bin" / "python3.11"
    python.write_text("#!/bin/sh\nkill -ILL $$\n")
    with EmulatedRunner("cortex-a72") as runner, pytest.raises(StageError, match="Cortex-A72 does not have") as caught:
        Worker(runner, "chain", {**JOB, "model": str(make_model("chain", 1))})
    assert caught.value.problem.code == "M224"


@pytest.mark.slow
@pytest.mark.parametrize("core", sorted(CORES))
def test_the_real_emulator(real_arm: Path, core: str, make_model: Callable[..., Path]) -> None:
    with EmulatedRunner(core, real_arm) as runner:
        with Worker(runner, "chain", {**JOB, "model": str(make_model("chain", 1))}) as worker:
            assert worker.ready["versions"]["onnxruntime"]
        found = same_answers(Subject("chain", Path(worker_model(make_model)), tokens=50), ThisMachine(), runner)
    assert found.passed
    assert found.compared == found.given


def worker_model(make_model: Callable[..., Path]) -> str:
    return str(make_model("wide", 4, 128))
