"""A bundle in a virtual environment that has what `pip install compactor` brings, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """Return the Python of a fresh environment with compactor as a wheel; needs a package index."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    own = folder / "venv/bin/python"
    subprocess.run([own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(ROOT)], check=True)
    return own


def run(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "ORT_DISABLE_TELEMETRY"}}
    done = subprocess.run(
        [python, *arguments], cwd=folder, capture_output=True, text=True, env={**kept, "HOME": str(home)}, check=False
    )
    assert list(home.rglob("*")) == [], "something was written at home"
    return done


def test_the_environment_is_bare(python, tmp_path):
    code = "import importlib.util as u; print([n for n in ('torch', 'transformers', 'onnx', 'pydantic', 'rich') if u.find_spec(n)])"
    assert run(python, tmp_path, "-c", code).stdout.strip() == "[]"


def test_a_moved_bundle_gives_the_golden_outputs(python, bundle):
    done = run(python, bundle, "-m", "compactor", "verify", ".", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["passed"]


def test_try_and_load_work(python, bundle):
    pair = ["--pair", "second"] if (json.loads((bundle / "manifest.json").read_text()))["pair"] else []
    done = run(python, bundle, "-m", "compactor", "try", ".", "my money back", "--json", *pair)
    assert done.returncode == 0, done.stderr
    code = f"import compactor; print(compactor.load('.')({['my money back', *pair[1:]]!r}[0], *{pair[1:]!r})['label'])"
    assert run(python, bundle, "-c", code).stdout.strip() == json.loads(done.stdout)["label"]
