"""The machine as /proc and /sys tell it, on folders that look like four kinds of machine."""

from __future__ import annotations

import subprocess

import pytest

from compactor.base import environment
from compactor.base.environment import git_state, load_average, machine, versions


def write(root, **files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


def lay(root, files):
    write(root, **files)
    return machine(root)


X86 = "processor : 0\nmodel name : Example CPU 5000\nflags : fpu sse4_2 avx avx2 avx_vnni hypervisor\nprocessor : 1\nmodel name : other\n"
ARM = "processor : 0\nFeatures : fp asimd asimddp\nModel : Raspberry Pi 5\n"


def test_this_machine_is_told():
    here = machine()
    assert here["cores"] >= here["cores_allowed"] >= 1
    assert here["memory_bytes"] > 1 << 28
    assert here["instruction_sets"] == sorted(here["instruction_sets"])
    assert load_average() is None or len(load_average()) == 3


def test_a_laptop_is_known_by_its_chassis_and_battery(tmp_path):
    here = lay(tmp_path, {"proc/cpuinfo": X86.replace(" hypervisor", ""), "sys/class/dmi/id/chassis_type": "10"})
    assert here["chassis"] == "laptop"
    assert here["cpu_model"] == "Example CPU 5000"
    assert here["instruction_sets"] == ["avx", "avx2", "avx_vnni", "sse4_2"]
    assert lay(tmp_path / "b", {"sys/class/power_supply/BAT0/type": "Battery"})["chassis"] == "laptop"


def test_the_battery_of_a_mouse_makes_no_laptop(tmp_path):
    here = lay(tmp_path, {"sys/class/power_supply/hid/type": "Battery", "sys/class/power_supply/hid/scope": "Device"})
    assert here["battery"] is False
    assert here["chassis"] == "unknown"


def test_a_board_is_known_by_its_device_tree(tmp_path):
    here = lay(tmp_path, {"proc/cpuinfo": ARM, "proc/device-tree/model": "Raspberry Pi 5 Model B\0"})
    assert here["chassis"] == "board"
    assert here["product"].startswith("Raspberry Pi 5")
    assert here["instruction_sets"] == ["asimd", "asimddp"]


def test_a_server_and_a_virtual_machine(tmp_path):
    here = lay(tmp_path, {"proc/cpuinfo": X86, "sys/class/dmi/id/chassis_type": "23"})
    assert here["chassis"] == "server"
    assert here["virtualised"] is True


@pytest.mark.parametrize(
    ("files", "cores", "memory"),
    [
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "150000 100000", "sys/fs/cgroup/memory.max": "max"}, 1.5, None),
        (
            {"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/cpu.max": "50000 100000", "sys/fs/cgroup/memory.max": "1000"},
            0.5,
            1000,
        ),
        (
            {
                "proc/self/cgroup": "3:cpu,cpuacct:/box\n2:memory:/box",
                "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "200000",
                "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000",
                "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "2048",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
            },
            2.0,
            2048,
        ),
        ({"proc/self/cgroup": "3:cpu:/", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1"}, None, None),
    ],
    ids=["v2", "v2-parent", "v1", "v1-unlimited"],
)
def test_the_limits_of_a_container_are_seen(tmp_path, files, cores, memory):
    here = lay(tmp_path, files)
    assert here["cores_limit"] == cores
    assert here["memory_limit_bytes"] == memory
    assert here["cores_allowed"] >= 1
    if cores == 0.5:
        assert here["cores_allowed"] == 1


def test_nothing_is_guessed_where_nothing_is_told(tmp_path):
    here = machine(tmp_path)
    assert here["instruction_sets"] == []
    assert (here["governor"], here["product"], here["virtualised"], here["chassis"]) == (None, None, None, "unknown")


def test_versions_name_what_is_installed_only():
    found = versions(("pytest", "no-such-package"))
    assert {"python", "compactor", "pytest"} == set(found)


def test_git_state_sees_commit_and_changes(tmp_path):
    assert git_state(tmp_path) is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    (tmp_path / "a").write_text("1")
    for command in (["init", "-q"], ["add", "a"], ["commit", "-qm", "a"]):
        subprocess.run([*git, *command], check=True)
    state = git_state(tmp_path)
    assert len(state["commit"]) == 40
    assert state["dirty"] is False
    (tmp_path / "a").write_text("2")
    assert git_state(tmp_path)["dirty"] is True


def test_gpus_are_named_with_their_driver_where_its_tool_is(monkeypatch):
    monkeypatch.setattr(environment, "_output", lambda command: "NVIDIA A10, 580.1\nNVIDIA A10, 580.1")
    assert environment.gpus() == ["NVIDIA A10, 580.1"] * 2
    monkeypatch.setattr(environment, "_output", lambda command: None)
    assert environment.gpus() == []
