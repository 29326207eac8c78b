"""Shared by all tests: the tiers, a clean environment, and the folder with real data and models."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

# Set before any test module imports onnxruntime, torch or tokenizers; commands that the tests start inherit it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What a developer's shell may have must not decide how a test ends.
for name in ("CI", "NO_COLOR", "FORCE_COLOR", "COMPACTOR_STORE"):
    os.environ.pop(name, None)
DATA = os.environ.pop("COMPACTOR_DATA", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--slow", action="store_true", help="run the slow tests too: real models and data in $COMPACTOR_DATA, minutes each"
    )


def pytest_configure(config: pytest.Config) -> None:
    # Nothing that a test does may leave a trace in the home folder.
    home = tempfile.TemporaryDirectory(prefix="compactor-home-")
    config.add_cleanup(home.cleanup)
    os.environ["HOME"] = home.name


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="slow: run with --slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture
def data_root(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder with data/ and models/; profiles find them there as they do for a user."""
    if DATA is None or not Path(DATA).is_dir():
        pytest.skip("needs $COMPACTOR_DATA: a folder with data/ and models/")
    monkeypatch.setenv("COMPACTOR_DATA", DATA)
    return Path(DATA)
