"""Packages for a board without network: whether a wheel fits its Python and processor, told before anything is copied."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compactor.base.errors import MissingError

OLD_MANYLINUX = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
NEEDED = ("onnxruntime", "numpy")


@dataclass(frozen=True)
class Wheel:
    """The name of a wheel, taken apart (PEP 427); each tag may stand for several."""

    path: Path
    package: str
    pythons: tuple[str, ...]
    abis: tuple[str, ...]
    platforms: tuple[str, ...]


def read_name(path: Path) -> Wheel:
    """Take the name of a wheel apart.

    Raises:
        MissingError: M208, it is no wheel's name.
    """
    parts = path.name.removesuffix(".whl").split("-")
    if len(parts) not in (5, 6):
        raise MissingError("M208", f"{path.name} has no wheel's name", "take the files as `pip download` wrote them")
    python, abi, platform = (tuple(part.split(".")) for part in parts[-3:])
    return Wheel(path, parts[0].lower().replace("_", "-"), python, abi, platform)


def fitting_wheels(folder: Path, board: dict[str, Any], host: str) -> list[Wheel]:
    """Return the wheels of a folder, all of which must fit the board.

    Args:
        folder: with *.whl files.
        board: `python` [major, minor], `machine` as `uname -m`, `system`, `glibc` such as "2.36", empty without one.
        host: for sentences.

    Raises:
        MissingError: M208 a wheel does not fit, or onnxruntime or numpy is in none.
    """
    wheels = [read_name(path) for path in sorted(folder.glob("*.whl"))]
    for wheel in wheels:
        if reason := misfit(wheel, board):
            raise MissingError("M208", f"{wheel.path.name} does not fit {host}: {reason}", download_command(board))
    missing = [name for name in NEEDED if name not in {wheel.package for wheel in wheels} and name not in board["installed"]]
    if missing:
        raise MissingError("M208", f"{folder} has no wheel of {' and '.join(missing)}", download_command(board))
    return wheels


def misfit(wheel: Wheel, board: dict[str, Any]) -> str:
    """Return why a wheel cannot be installed there, an empty text when it can."""
    major, minor = board["python"]
    if not any(_python_fits(tag, wheel.abis, major, minor) for tag in wheel.pythons):
        return f"it is for {'/'.join(wheel.pythons)}, there is Python {major}.{minor}"
    if not any(_platform_fits(tag, board) for tag in wheel.platforms):
        libc = f" with glibc {board['glibc']}" if board["glibc"] else ""
        return f"it is for {wheel.platforms[0]}, there is {board['system']} on {board['machine']}{libc}"
    return ""


def download_command(board: dict[str, Any]) -> str:
    """Return what to type for wheels that fit."""
    version = f"{board['python'][0]}.{board['python'][1]}"
    machine, glibc = board["machine"], _numbers(board["glibc"]) or (2, 17)
    tags = [f"manylinux_2_{minor}_{machine}" for minor in (28, 27) if (2, minor) <= glibc] + [f"manylinux2014_{machine}"]
    platforms = " ".join(f"--platform {tag}" for tag in tags)
    return f"pip download -d wheels --only-binary=:all: --python-version {version} {platforms} onnxruntime numpy"


def _python_fits(tag: str, abis: tuple[str, ...], major: int, minor: int) -> bool:
    if tag in (f"py{major}", f"py{major}{minor}", f"cp{major}{minor}"):
        return True
    match = re.fullmatch(rf"(?:cp|py){major}(\d+)", tag)
    return match is not None and int(match[1]) <= minor and ("abi3" in abis or "none" in abis)


def _platform_fits(tag: str, board: dict[str, Any]) -> bool:
    if tag == "any":
        return True
    machine = str(board["machine"])
    if board["system"] == "Darwin":
        return tag.startswith("macosx_") and tag.endswith((f"_{machine}", "_universal2"))
    if not tag.endswith(f"_{machine}"):
        return False
    kind = tag.removesuffix(f"_{machine}")
    if kind.startswith("musllinux"):
        return not board["glibc"]
    if kind == "linux":
        return True
    match = re.fullmatch(r"manylinux_(\d+)_(\d+)", kind)
    oldest = (int(match[1]), int(match[2])) if match else OLD_MANYLINUX.get(kind)
    return oldest is not None and bool(board["glibc"]) and oldest <= _numbers(board["glibc"])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
