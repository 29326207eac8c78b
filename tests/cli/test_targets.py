"""`compactor targets`: what can be measured from here, and what to type for the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("pydantic")

from compactor.cli.main import main
from compactor.measuring.runners import reachable
from compactor.targets import load_target, target_names
from compactor.targets.probe import target_yaml

LAPTOP = {
    "system": "Linux 6.6",
    "machine": "x86_64",
    "cpu_model": 'Intel(R) Core(TM) "i7"',
    "instruction_sets": ["avx2", "avx_vnni", "fma"],
    "cores": 8,
    "cores_allowed": 4,
    "cores_limit": 4.0,
    "memory_bytes": 16 << 30,
    "memory_limit_bytes": 2 << 30,
    "chassis": "laptop",
    "product": "Acme: Book 5",
}
CPU_ONLY = {"onnxruntime": "1.31.1"}


def worth(name: str, **changes: object) -> dict[str, str | None]:
    target = load_target(name).model_copy(update=changes)
    return {way.via: way.evidence for way in reachable.ways(target, LAPTOP, CPU_ONLY)}


def test_all_are_listed_with_what_to_type(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachable.emulated.shutil, "which", lambda name: f"/usr/bin/{name}")  # an emulator, and no ARM Python
    assert main(["targets"]) == 0
    shown = capsys.readouterr().out
    for name in target_names():
        assert f"\n{name} " in f"\n{shown}"
    assert "compactor targets prepare arm-edge" in shown
    assert "--via ssh:user@host" in shown


def test_the_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["targets", "--json"]) == 0
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)["targets"]}
    assert set(listed) == set(target_names())
    assert listed["host"]["best"] == "local"
    assert listed["host"]["ways"][0]["evidence"] == "measured"


def test_what_each_way_is_worth(arm_ready: None) -> None:
    assert worth("laptop-cpu") == {"local": "measured", "ssh": None}
    assert worth("laptop-cpu-no-vnni")["local"] == "proxy"
    assert worth("arm-edge") == {"local": None, "ssh": None, "emulated": "emulated"}
    assert worth("arm-edge", host="pi@board")["ssh"] == reachable.TOLD_THERE
    assert worth("server-gpu")["local"] is None
    assert set(worth("browser")) == {"local", "browser"}


def test_the_device_itself_goes_before_its_stand_ins(arm_ready: None) -> None:
    board = load_target("arm-edge").model_copy(update={"host": "pi@board"})
    found = reachable.best(reachable.ways(board, LAPTOP, CPU_ONLY))
    assert found is not None
    assert found.via == "ssh"
    assert reachable.best(reachable.ways(load_target("apple-silicon"), LAPTOP, CPU_ONLY)) is None


@pytest.fixture
def arm_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachable.emulated, "what_is_missing", lambda: None)
    monkeypatch.setattr(reachable.shutil, "which", lambda name: f"/usr/bin/{name}")


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ways = {way.via: way for way in reachable.ways(load_target("arm-edge"), LAPTOP, CPU_ONLY)}
    assert ways["ssh"].remedy == "install openssh-client"
    assert ways["emulated"].remedy == "apt-get install qemu-user"


def test_a_target_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["targets", "list", "no-such"]) == main(["bench", "m.onnx", "--target", "no-such"]) == 2
    assert "P140" in capsys.readouterr().err


def test_the_probed_machine_is_a_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["targets", "probe", "-o", str(tmp_path / "mine.yaml")]) == 0
    mine = load_target(str(tmp_path / "mine.yaml"))
    assert mine.name == "mine"
    assert main(["targets", "list", str(tmp_path / "mine.yaml")]) == 0
    assert "--via local     measured" in capsys.readouterr().out


def test_what_is_probed_is_what_is_there() -> None:
    from ruamel.yaml import YAML

    from compactor.targets.target import checked

    text = target_yaml("acme", LAPTOP, provider="CPUExecutionProvider", onnxruntime="1.31.1")
    mine = checked(YAML(typ="safe", pure=True).load(text), "acme")
    assert mine.title == 'Acme: Book 5 with Intel(R) Core(TM) "i7"'
    assert (mine.machine, mine.system, mine.form) == ("x86_64", "Linux", "laptop")
    assert mine.instructions == ("avx2", "avx_vnni", "fma")
    assert mine.int8_dot_product
    assert (mine.threads, mine.memory_mb, mine.oldest_onnxruntime) == (4, 2048, "1.31")
    assert "8 cores, limited to 4" in text
    assert worth_of(mine) == "measured"


def test_apples_own_processors_have_dot_products_though_macos_lists_no_instruction_sets() -> None:
    from ruamel.yaml import YAML

    mac = {**LAPTOP, "machine": "arm64", "system": "Darwin 24.1", "instruction_sets": []}
    intel = {**mac, "machine": "x86_64"}
    found = [
        YAML(typ="safe", pure=True).load(target_yaml("mac", each, provider="CPUExecutionProvider", onnxruntime=None))
        for each in (mac, intel)
    ]
    assert [each["int8_dot_product"] for each in found] == [True, False]


def worth_of(target: object) -> str | None:
    return reachable.ways(target, LAPTOP, CPU_ONLY)[0].evidence  # type: ignore[arg-type]


def test_a_machine_that_tells_little_is_still_a_target() -> None:
    from ruamel.yaml import YAML

    from compactor.targets.target import checked

    dumb = {**LAPTOP, "machine": "riscv64", "system": "Plan9", "instruction_sets": [], "chassis": "unknown", "product": None}
    dumb |= {"memory_bytes": None, "memory_limit_bytes": None, "cores_limit": None}
    mine = checked(
        YAML(typ="safe", pure=True).load(target_yaml("x", dumb, provider="CPUExecutionProvider", onnxruntime=None)), "x"
    )
    assert (mine.machine, mine.system, mine.memory_mb) == ("any", "any", None)


def test_only_a_target_with_a_core_can_be_prepared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["targets", "prepare", "laptop-cpu"]) == 4
    assert "M222" in capsys.readouterr().err


def test_a_failed_preparation_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from compactor.measuring.runners import arm_python

    commands = tmp_path / "commands"
    commands.mkdir()
    for name, script in (("apt-get", "echo 'E: Could not resolve mirror' >&2; exit 100"), ("dpkg-deb", "exit 0")):
        (commands / name).write_text(f"#!/bin/sh\n{script}\n")
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(commands), prepend=":")
    monkeypatch.setattr(arm_python, "KEYRING", commands / "apt-get")
    assert main(["targets", "prepare", "arm-edge", "--folder", str(tmp_path / "arm")]) == 4
    told = capsys.readouterr().err
    assert "M223" in told
    assert "Could not resolve mirror" in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["commands"]
