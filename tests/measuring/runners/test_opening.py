"""What may stand after --via."""

from __future__ import annotations

from pathlib import Path

import pytest

from compactor.base.errors import MissingError, ProfileError
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.runners import open_runner
from compactor.targets import Target, load_target

BOARD = Target(name="mine", title="mine", machine="aarch64", host="pi@board", core="cortex-a72", image="mine:1")


@pytest.mark.parametrize(
    ("via", "kind", "place"),
    [
        ("local", "local", "this machine"),
        ("ssh", "ssh", "pi@board"),
        ("ssh:root@other", "ssh", "root@other"),
        ("emulated", "emulated", "Cortex-A72, emulated"),
        ("docker", "docker", "container mine:1"),
        ("docker:localhost:5000/it:2", "docker", "container localhost:5000/it:2"),
        ("browser", "browser", "a page in Chromium"),
    ],
)
def test_what_is_understood(via: str, kind: str, place: str) -> None:
    runner = open_runner(via, BOARD)
    assert (runner.kind, runner.place_name) == (kind, place)


def test_a_port_may_follow_the_host() -> None:
    runner = open_runner("ssh:pi@board:2222", BOARD)
    assert runner.place_name == "pi@board"
    assert runner._settings.port == 2222


@pytest.mark.parametrize(
    "via", ["", "adb", "local:x", "emulated:cortex-a76", "ssh:", "ssh:-oProxyCommand=sh", "docker:--privileged"]
)
def test_what_is_not_understood(via: str) -> None:
    with pytest.raises(ProfileError, match="M200"):
        open_runner(via, BOARD)


@pytest.mark.parametrize(
    ("via", "words"), [("ssh", "names no host"), ("docker", "names no image"), ("emulated", "names no core")]
)
def test_what_the_target_does_not_name(via: str, words: str) -> None:
    for target in (ThisMachine(), load_target("laptop-cpu")):
        with pytest.raises(MissingError, match=words):
            open_runner(via, target)


def test_wheels_go_to_a_board_only() -> None:
    with pytest.raises(ProfileError, match="--wheels"):
        open_runner("local", BOARD, wheels=Path("wheels"))
