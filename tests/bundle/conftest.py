"""Bundles made of the tiny classifier; tests that change one copy it first."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from compactor.bundle import build
from compactor.targets import load_target
from tests.bundle.tiny import quantize, write_onnx_folder

TEXTS = ["my money back", "parcel late", "password of my dog"]
PAIRS = ["the quick fox", "one two three", "lazy dog"]


@pytest.fixture(scope="session")
def sources(tmp_path_factory) -> dict[str, Path]:
    """Return ONNX folders: one sentence in fp32 and int8, and two sentences."""
    root = tmp_path_factory.mktemp("sources")
    single = write_onnx_folder(root / "fp32")
    return {"fp32": single, "int8": quantize(single, root / "int8"), "pair": write_onnx_folder(root / "pair", pair=True)}


def make(source: Path, folder: Path, **more) -> Path:
    folder.mkdir(parents=True)
    settings = {"target": load_target("host"), "name": "tiny", "texts": TEXTS, "profile_text": "name: tiny\n", **more}
    build(source, folder, **settings)
    return folder


@pytest.fixture(scope="session")
def built(sources, tmp_path_factory) -> dict[str, Path]:
    """Return one bundle of each source."""
    root = tmp_path_factory.mktemp("built")
    return {name: make(source, root / name, pairs=PAIRS if name == "pair" else None) for name, source in sources.items()}


@pytest.fixture(params=["fp32", "int8", "pair"])
def bundle(request, built, tmp_path) -> Path:
    """Return a copy of a bundle, in a folder whose name has a blank and an accent."""
    return Path(shutil.copytree(built[request.param], tmp_path / "moved here é"))
