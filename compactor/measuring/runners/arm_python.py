"""Makes the ARM Python that is emulated: Debian's packages unpacked into a folder, and the aarch64 wheels of onnxruntime and numpy.

Nothing of this machine is changed: apt runs with a state of its own, packages are unpacked and not installed.
"""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from compactor.base.atomic import fresh_folder, write_json
from compactor.base.errors import MissingError
from compactor.base.reporter import Reporter
from compactor.measuring.runners._cores import CORES
from compactor.measuring.runners._ssh_errors import last_line
from compactor.measuring.runners.emulated import READY

MIRROR, SUITE, PYTHON = "http://deb.debian.org/debian", "bookworm", "3.11"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LIBRARIES = (
    *("libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libexpat1", "libssl3", "libffi8", "liblzma5", "libbz2-1.0", "libuuid1"),
    *("libcrypt1", "libsqlite3-0", "libncursesw6", "libtinfo6", "libreadline8", "media-types"),
)
PARTS = tuple(
    name.format(PYTHON) for name in ("python{}-minimal", "libpython{}-minimal", "libpython{}-stdlib", "libpython{}", "python{}")
)
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
PACKAGES = ("onnxruntime", "numpy")
CONFIG = """APT::Architecture "arm64";
APT::Architectures { "arm64"; };
Dir::State "FOLDER/state";
Dir::State::status "FOLDER/state/status";
Dir::Cache "FOLDER/cache";
Dir::Etc::sourcelist "FOLDER/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferencesparts "-";
APT::Sandbox::User "";
"""


def prepare(folder: Path, reporter: Reporter, *, mirror: str = MIRROR, wheels: Path | None = None) -> None:
    """Fill a folder with the ARM Python, about 180 MB; the network is used. The folder is complete afterwards, or as it was.

    Args:
        folder: to make; one that is there is replaced.
        reporter: told each step.
        mirror: of Debian.
        wheels: folder with the aarch64 wheels, which are then not fetched.

    Raises:
        MissingError: M223, a tool is missing or something cannot be fetched.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise MissingError("M223", f"there is no {tool} here", "prepare it on Debian or Ubuntu, and copy the folder")
    if not KEYRING.is_file():
        raise MissingError(
            "M223", f"there is no {KEYRING}, so nothing fetched could be checked", "apt-get install debian-archive-keyring"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with fresh_folder(folder) as made, tempfile.TemporaryDirectory(prefix="compactor-arm-") as scratch:
        reporter.say(f"fetching an ARM Python {PYTHON} from {mirror}")
        _unpack_debian(made / "root", Path(scratch), mirror)
        reporter.say("fetching onnxruntime and numpy for aarch64")
        versions = _unpack_wheels(made / "site", wheels or _download_wheels(Path(scratch) / "wheels"))
        if f"{sys.version_info[0]}.{sys.version_info[1]}" == PYTHON:
            # Compiled here, since bytecode knows no processor: emulated, the compiler takes most of an import's time.
            for part in (made / "site", made / "root" / "usr" / "lib" / f"python{PYTHON}"):
                compileall.compile_dir(part, quiet=2, workers=1)
        for name, core in CORES.items():
            _make_prefix(made / "cpus" / name, core.cpuinfo())
        write_json(made / READY, {"python": f"python{PYTHON}", "packages": versions, "mirror": mirror, "suite": SUITE})
    reporter.say(f"{folder} is ready: {', '.join(f'{name} {number}' for name, number in versions.items())}")


def _unpack_debian(root: Path, scratch: Path, mirror: str) -> None:
    for part in ("state/lists/partial", "cache/archives/partial", "debs"):
        (scratch / part).mkdir(parents=True)
    (scratch / "state" / "status").touch()
    (scratch / "apt.conf").write_text(CONFIG.replace("FOLDER", str(scratch)), encoding="utf-8")
    source = f"deb [arch=arm64 signed-by={KEYRING}] {mirror} {SUITE} main\n"
    (scratch / "sources.list").write_text(source, encoding="utf-8")
    apt = {**os.environ, "APT_CONFIG": str(scratch / "apt.conf")}
    _run(["apt-get", "-q", "update"], scratch, apt)
    _run(["apt-get", "-q", "download", *LIBRARIES, *PARTS], scratch / "debs", apt)
    for package in sorted((scratch / "debs").glob("*.deb")):
        _run(["dpkg-deb", "--extract", str(package), str(root)], scratch, dict(os.environ))


def _download_wheels(folder: Path) -> Path:
    wanted = [f"{name}=={number}" if (number := _here(name)) else name for name in PACKAGES]
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    python = ["--python-version", PYTHON, "--implementation", "cp", "--abi", f"cp{PYTHON.replace('.', '')}"]
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", *platforms, *python]
    _run([*command, "-d", str(folder), *wanted], Path.cwd(), dict(os.environ))
    return folder


def _unpack_wheels(site: Path, wheels: Path) -> dict[str, str]:
    """Unpack the wheels; return the versions by package."""
    versions = {}
    for wheel in sorted(wheels.glob("*.whl")):
        shutil.unpack_archive(wheel, site, "zip")
        name, number = wheel.name.split("-")[:2]
        versions[name] = number
    missing = [name for name in PACKAGES if name not in versions]
    if missing:
        raise MissingError("M223", f"{wheels} has no aarch64 wheel of {' and '.join(missing)}", "pip download fetches them")
    return versions


def _make_prefix(prefix: Path, cpuinfo: str) -> None:
    """Make the file tree that the emulated programs see before this machine's: libraries, and the core's own /proc/cpuinfo."""
    (prefix / "proc").mkdir(parents=True)
    (prefix / "proc" / "cpuinfo").write_text(cpuinfo, encoding="ascii")
    root = prefix.parent.parent / "root"
    for part in sorted(root.iterdir()):
        (prefix / part.name).symlink_to(Path("..") / ".." / "root" / part.name)


def _here(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        told = last_line(done.stderr) or f"status {done.returncode}"
        raise MissingError("M223", f"{' '.join(command[:3])} failed: {told}", "check the network, or name another --mirror")
