"""One bundle in three places, three rows with three badges in one report: here, behind ssh, on an emulated ARM core."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Desk
from tests.measuring.runners import emulator, sshd

pytestmark = pytest.mark.model

ALSO = """\
also:
  - {target: host}
  - {target: board.yaml, via: ssh}
  - {target: arm-edge, via: emulated}
"""


@pytest.fixture
def desk(finished: Desk, tmp_path: Path) -> Desk:
    """A copy of the finished run, whose profile names further targets."""
    shutil.copytree(finished.folder, tmp_path / "desk", symlinks=True)
    again = Desk(tmp_path / "desk")
    profile = again.folder / "tiny.yaml"
    profile.write_text(profile.read_text(encoding="utf-8") + ALSO, encoding="utf-8")
    return again


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment in which ssh and qemu are stand-ins."""
    board = sshd.fake(tmp_path, monkeypatch)
    board.process.wait()
    emulator.pretend(board.keys, tmp_path / "arm64")
    return {"PATH": os.environ["PATH"], "COMPACTOR_ARM": str(tmp_path / "arm64")}


def write_board(desk: Desk, disk: Path, **ssh: str) -> None:
    """Describe the machine behind ssh; of a form that no machine has, so that it is a proxy wherever the test runs."""
    settings = {"python": sys.executable, "folder": str(disk), **ssh}
    target = {"name": "board", "title": "a board", "machine": "any", "form": "browser", "host": "board", "ssh": settings}
    (desk.folder / "board.yaml").write_text(json.dumps(target), encoding="utf-8")


def check(desk: Desk) -> None:
    run = desk.folder / "runs" / "tiny"
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    here, behind_ssh, emulated = report["also"]
    assert [each["evidence"] for each in report["also"]] == ["measured", "proxy", "emulated"]
    assert {each["row"] for each in report["also"]} == {"package"}
    assert len({each["model_sha256"] for each in report["also"]}) == 1, "the same bundle everywhere"
    for each in (here, behind_ssh):
        assert any(cell["length"] == "data" and cell["p50"] > 0 for cell in each["latency_ms"])
    assert emulated["latency_ms"] is None
    assert emulated["peak_memory_bytes"] is None
    assert here["answers"] is None
    golden = json.loads((run / "bundle" / "golden.json").read_text(encoding="utf-8"))
    for each in (behind_ssh, emulated):
        answers = each["answers"]
        assert answers["passed"], answers
        assert answers["compared"] == answers["given"] > len(golden["cases"]), "golden inputs and validation texts"
        assert answers["smallest_cosine"] >= 0.98
        assert answers["same_label"] >= 0.99
        assert answers["metric"]["there"] == pytest.approx(answers["metric"]["here"], abs=0.02)
    page = (run / "report.html").read_text(encoding="utf-8")
    for badge in ("badge measured", "badge proxy", "badge emulated"):
        assert badge in page
    assert "Further targets" in (run / "report.md").read_text(encoding="utf-8")


def test_three_places_with_stand_ins(desk: Desk, stand_ins: dict[str, str], tmp_path: Path) -> None:
    write_board(desk, tmp_path / "disk")
    done = desk.compactor("run", "tiny.yaml", "--quick", **stand_ins)
    assert done.returncode == 0, done.stderr
    check(desk)
    assert list((tmp_path / "disk").iterdir()) == []
    assert "package on arm-edge via emulated: emulated, same answers" in " ".join(done.stdout.split())
    # What was taken of the same model and machine is kept.
    again = desk.compactor("run", "tiny.yaml", "--quick", **stand_ins)
    assert again.returncode == 0, again.stderr
    assert "measuring package on" not in again.stderr
    check(desk)


def test_a_board_that_is_off_is_a_finding_and_not_a_failure(desk: Desk, stand_ins: dict[str, str], tmp_path: Path) -> None:
    write_board(desk, tmp_path / "disk")
    (tmp_path / "commands" / "fails").write_text("ssh: connect to host board port 22: No route to host\n")
    done = desk.compactor("run", "tiny.yaml", "--quick", **stand_ins)
    assert done.returncode == 0, done.stderr
    assert "M226" in done.stderr
    report = json.loads((desk.folder / "runs/tiny/report.json").read_text(encoding="utf-8"))
    assert [each["evidence"] for each in report["also"]] == ["measured", None, "emulated"]
    assert "No route to host" in report["also"][1]["reason"]
    # When it is on again, the same command measures it and keeps the others.
    (tmp_path / "commands" / "fails").unlink()
    done = desk.compactor("run", "tiny.yaml", "--quick", **stand_ins)
    assert done.stderr.count("measuring package on") == 1
    check(desk)


def test_bench_adds_a_row_to_a_finished_run(desk: Desk, stand_ins: dict[str, str]) -> None:
    bench = ("bench", "runs/tiny/bundle", "--target", "arm-edge", "--via", "emulated")
    done = desk.compactor(*bench, "--add-to", "tiny", **stand_ins)
    assert done.returncode == 0, done.stderr
    assert "the same answers as here" in done.stdout
    report = json.loads((desk.folder / "runs/tiny/report.json").read_text(encoding="utf-8"))
    (added,) = report["also"]
    assert (added["row"], added["via"], added["evidence"], added["latency_ms"]) == ("package", "emulated", "emulated", None)
    assert "badge emulated" in (desk.folder / "runs/tiny/report.html").read_text(encoding="utf-8")
    shutil.copy(desk.folder / "runs/tiny/bundle/onnx/model_quantized.onnx", desk.folder / "other.onnx")
    with (desk.folder / "other.onnx").open("ab") as stream:
        stream.write(b"\x72\x00")  # an empty metadata entry: the same graph, another file
    done = desk.compactor("bench", "other.onnx", *bench[2:], "--add-to", "tiny", **stand_ins)
    assert done.returncode == 4
    assert "M227" in done.stderr


@pytest.fixture
def real_board(tmp_path: Path) -> Iterator[sshd.Board]:
    """A real sshd on 127.0.0.1, or a skipped test."""
    found = sshd.start(tmp_path)
    yield found
    found.process.terminate()
    found.process.wait()


@pytest.mark.slow
def test_three_real_places(desk: Desk, real_board: sshd.Board) -> None:
    arm = emulator.real()
    write_board(desk, real_board.folder / "disk", config=str(real_board.keys / "config"))
    done = desk.compactor("run", "tiny.yaml", "--quick", COMPACTOR_ARM=str(arm))
    assert done.returncode == 0, done.stderr
    check(desk)
    assert real_board.left_behind() == []
