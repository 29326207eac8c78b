"""Images built and run where there is a builder with an engine; and the runtime's package list installed as its image installs it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx")
pytest.importorskip("pydantic")

from tests.bundle.conftest import make
from tests.bundle.tiny import write_onnx_folder

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bundle")
    folder = make(write_onnx_folder(root / "onnx"), root / "bundle")
    root.chmod(0o755)  # the image's user is none of this machine's
    return folder


@pytest.fixture(scope="module")
def builder() -> str:
    """Return a command whose engine answers."""
    for command in ("docker", "podman"):
        if shutil.which(command) and subprocess.run([command, "info"], capture_output=True, check=False).returncode == 0:
            return command
    pytest.skip("no container builder: neither docker nor podman with an engine that answers")


def built(builder: str, name: str) -> str:
    """Build an image, print its size, and return its name."""
    image = f"compactor-test-{name}"
    command = [builder, "build", "-f", f"docker/{name}.Dockerfile", "-t", image, "."]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "DOCKER_BUILDKIT": "1"})
    told = [builder, "image", "inspect", "--format", "{{.Size}}", image]
    size = subprocess.run(told, capture_output=True, text=True, check=True).stdout
    print(f"{image}: {int(size) / 1e6:.0f} MB")
    return image


def test_the_runtime_image_serves_a_bundle_without_network_as_nobody(builder: str, bundle: Path) -> None:
    image = built(builder, "runtime")
    confined = ["--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", "-v", f"{bundle}:/bundle:ro"]
    done = subprocess.run([builder, "run", *confined, image], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "answers as it did when built" in done.stdout
    look = "import importlib.util as u, os; print(os.getuid(), u.find_spec('torch'))"
    told = [builder, "run", *confined, "--entrypoint", "python3", image, "-c", look]
    assert subprocess.run(told, capture_output=True, text=True, check=True).stdout.split() == ["10001", "None"]


@pytest.mark.parametrize(
    ("name", "machine"), [("laptop-cpu", "x86_64"), ("arm-edge", "aarch64"), ("server-gpu", "x86_64")], ids=lambda each: each
)
def test_a_toolchain_image_reads_a_profile(builder: str, name: str, machine: str) -> None:
    if platform.machine() != machine:
        pytest.skip(f"this machine is {platform.machine()}, the image is for {machine}")
    image = built(builder, name)
    command = [
        builder,
        "run",
        "--rm",
        "--network",
        "none",
        "-v",
        f"{ROOT}:/work:ro",
        image,
        "validate",
        "profiles/quickstart.yaml",
    ]
    assert subprocess.run(command, check=False).returncode == 0


def test_the_packages_of_the_runtime_image_are_enough(bundle: Path, tmp_path: Path) -> None:
    """The image's own commands, in a folder instead of a layer; needs a package index."""
    wheels, venv = tmp_path / "wheels", tmp_path / "venv"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, ROOT], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    given = ["-c", ROOT / "requirements/lock.txt", "-r", ROOT / "docker/runtime.txt", *wheels.glob("*.whl")]
    subprocess.run([*pip, "--python", venv / "bin/python", "install", "--quiet", "--no-deps", *given], check=True)
    clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run([venv / "bin/compactor", "verify", bundle], capture_output=True, text=True, env=clean, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    packages = {path.name for path in venv.glob("lib/python3*/site-packages/*")}
    assert not packages & {"torch", "transformers", "huggingface_hub", "onnx"}
