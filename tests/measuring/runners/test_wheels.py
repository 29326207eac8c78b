"""Whether a wheel fits a board, held against `packaging`, which pip uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from compactor.base.errors import MissingError
from compactor.measuring.runners._wheels import fitting_wheels, misfit, read_name

PI = {"python": [3, 11], "machine": "aarch64", "system": "Linux", "glibc": "2.36", "installed": {}}
NAMES = [
    f"thing-1.0-{tags}.whl"
    for tags in (
        "cp311-cp311-manylinux_2_28_aarch64",
        "cp311-cp311-manylinux_2_27_aarch64.manylinux_2_28_aarch64",
        "cp311-cp311-manylinux2014_aarch64",
        "cp311-cp311-manylinux_2_39_aarch64",
        "cp311-cp311-manylinux_2_28_x86_64",
        "cp311-cp311-musllinux_1_2_aarch64",
        "cp311-cp311-macosx_11_0_arm64",
        "cp312-cp312-manylinux_2_28_aarch64",
        "cp38-abi3-manylinux_2_28_aarch64",
        "cp312-abi3-manylinux_2_28_aarch64",
        "py3-none-any",
        "py2.py3-none-any",
        "py2-none-any",
        "py3-none-manylinux2014_aarch64",
        "1-cp311-cp311-linux_aarch64",
    )
]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_wheels_fit_as_for_pip(name: str) -> None:
    tags = pytest.importorskip("packaging.tags")
    utils = pytest.importorskip("packaging.utils")
    glibc = [f"manylinux_2_{minor}_aarch64" for minor in range(36, 16, -1)]
    platforms = [*glibc, "manylinux2014_aarch64", "linux_aarch64"]
    known = {*tags.cpython_tags((3, 11), platforms=platforms), *tags.compatible_tags((3, 11), "cp311", platforms=platforms)}
    fits = bool(utils.parse_wheel_filename(name)[3] & known)
    assert (misfit(read_name(Path(name)), PI) == "") == fits


def test_a_board_with_musl_takes_musl_wheels_only() -> None:
    alpine = {**PI, "glibc": ""}
    assert misfit(read_name(Path("a-1-cp311-cp311-musllinux_1_2_aarch64.whl")), alpine) == ""
    assert misfit(read_name(Path("a-1-cp311-cp311-manylinux_2_28_aarch64.whl")), alpine)


def test_what_is_missing_is_told_with_the_command_for_the_board(tmp_path: Path) -> None:
    (tmp_path / "onnxruntime-1.31.1-cp311-cp311-manylinux_2_28_aarch64.whl").write_bytes(b"")
    with pytest.raises(MissingError, match="has no wheel of numpy") as caught:
        fitting_wheels(tmp_path, PI, "pi")
    assert "--python-version 3.11 --platform manylinux_2_28_aarch64" in caught.value.problem.hint
    there = {**PI, "installed": {"numpy": "2.0"}}
    assert [wheel.package for wheel in fitting_wheels(tmp_path, there, "pi")] == ["onnxruntime"]


def test_a_file_that_is_no_wheel(tmp_path: Path) -> None:
    (tmp_path / "numpy.whl").write_bytes(b"")
    with pytest.raises(MissingError, match="M208"):
        fitting_wheels(tmp_path, PI, "pi")
