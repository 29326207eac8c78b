"""Reaching a board by ssh: who answers, host keys, and what ssh says when it does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compactor.base.errors import MissingError
from compactor.measuring.runners.ssh import SshRunner
from tests.measuring.runners import sshd
from tests.measuring.runners.sshd import code_of


def test_no_answer(board: sshd.Board) -> None:
    if board.port:
        board.process.terminate()
        board.process.wait()
    else:
        (board.keys / "fails").write_text("ssh: connect to host board port 22: Connection refused\n")
    with pytest.raises(MissingError, match="Connection refused") as caught, SshRunner(board.host, board.settings()):
        pass
    assert code_of(caught) == "M202"


def test_a_name_that_means_nothing(real_board: sshd.Board) -> None:
    with pytest.raises(MissingError) as caught, SshRunner("no-such-board.invalid", real_board.settings()):
        pass
    assert code_of(caught) == "M202"


def test_a_configuration_may_lie_below_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from compactor.measuring.runners._ssh_connection import Connection
    from compactor.targets.reach import Ssh

    monkeypatch.setenv("HOME", str(tmp_path))
    connection = Connection("board", Ssh(config="~/.ssh/work"), "name")
    words = connection.argv("true")
    connection.close()
    assert words[words.index("-F") + 1] == str(tmp_path / ".ssh" / "work")


def test_no_ssh_client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from compactor.targets.reach import Ssh

    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError) as caught, SshRunner("board", Ssh()):
        pass
    assert code_of(caught) == "M201"


def test_another_host_key_is_refused(real_board: sshd.Board) -> None:
    sshd.know(real_board.keys, real_board.port, "other")
    with pytest.raises(MissingError, match="is not the one that is known") as caught:
        SshRunner(real_board.host, real_board.settings()).open()
    assert code_of(caught) == "M203"
    assert real_board.left_behind() == []


def test_an_unknown_host_key_is_refused_and_never_learnt(real_board: sshd.Board) -> None:
    known = real_board.keys / "known"
    known.write_text("")
    with pytest.raises(MissingError, match="not known here") as caught:
        SshRunner(real_board.host, real_board.settings()).open()
    assert code_of(caught) == "M203"
    assert known.read_text() == ""


@pytest.mark.parametrize(("key", "accepted"), [("host", True), ("other", False)])
def test_a_fingerprint_in_the_target_decides_alone(real_board: sshd.Board, key: str, accepted: bool) -> None:
    # The known hosts say the opposite.
    sshd.know(real_board.keys, real_board.port, "other" if accepted else "host")
    settings = real_board.settings(fingerprint=sshd.fingerprint(real_board.keys, key))
    if accepted:
        with SshRunner(real_board.host, settings) as runner:
            assert runner.machine()["cores"] == os.cpu_count()
        return
    with pytest.raises(MissingError) as caught:
        SshRunner(real_board.host, settings).open()
    assert code_of(caught) == "M203"


def test_a_key_that_is_not_accepted(real_board: sshd.Board) -> None:
    (real_board.keys / "authorized").write_text("")
    with pytest.raises(MissingError, match="does not accept a key") as caught:
        SshRunner(real_board.host, real_board.settings()).open()
    assert code_of(caught) == "M204"


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ("ssh: Could not resolve hostname board: Name or service not known", "M202"),
        ("ssh: connect to host board port 22: Connection timed out", "M202"),
        (
            "No ED25519 host key is known for board and you have requested strict checking.\nHost key verification failed.",
            "M203",
        ),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "M203"),
        ("pi@board: Permission denied (publickey,password).", "M204"),
    ],
)
def test_what_ssh_says_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, code: str) -> None:
    board = sshd.fake(tmp_path, monkeypatch)
    (board.keys / "fails").write_text(told + "\n")
    with pytest.raises(MissingError) as caught:
        SshRunner(board.host, board.settings()).open()
    assert code_of(caught) == code
    assert caught.value.problem.hint
