"""What is asked in two places of a model that lies in a bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("PIL")
pytest.importorskip("pydantic")

from compactor.base import images
from compactor.base.errors import MissingError
from compactor.bundle import build
from compactor.measuring import golden_inputs
from compactor.measuring.answers_there import same_answers
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.golden_inputs import golden_feeds
from compactor.measuring.result import Subject
from compactor.measuring.runners import LocalRunner
from compactor.runtime import load
from compactor.targets import load_target
from tests.bundle.images import SIDE, write_onnx_folder

INPUTS = [{"name": "pixel_values", "type": "tensor(float)", "shape": ["batch", 3, SIDE, SIDE]}]
IDS = [{"name": name, "type": "tensor(int64)", "shape": ["batch", "sequence"]} for name in ("input_ids", "attention_mask")]
IMAGES = 11  # of every bundle that sees


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    build(write_onnx_folder(tmp_path / "onnx"), tmp_path / "bundle", target=load_target("laptop-cpu"), name="seer")
    return tmp_path / "bundle"


def subject_of(bundle: Path) -> Subject:
    told = json.loads((bundle / "manifest.json").read_text())
    return Subject("seer", bundle / told["model"], told)


def change_golden(bundle: Path, **changes: Any) -> None:
    """Change the first case."""
    golden = json.loads((bundle / "golden.json").read_text())
    golden["cases"][0] |= changes
    (bundle / "golden.json").write_text(json.dumps(golden))


def test_images_are_compared_as_the_bundle_prepares_them(bundle: Path) -> None:
    subject, model = subject_of(bundle), load(bundle)
    cases = json.loads((bundle / "golden.json").read_text())["cases"]
    feeds = golden_feeds(subject, INPUTS)
    assert len(feeds) == len(cases) == IMAGES
    for feed, case in zip(feeds, cases, strict=True):
        np.testing.assert_array_equal(feed["pixel_values"][0], model.encode(bundle / case["image"])[0]["pixel_values"])
    samples = [{"pixel_values": np.zeros((1, 3, SIDE, SIDE), dtype=np.float32)}]
    found = same_answers(subject, ThisMachine(), LocalRunner(), samples=samples)
    assert found.passed
    assert (found.compared, found.given) == (IMAGES + 1, IMAGES + 1)


@pytest.mark.parametrize("name", ["golden/nowhere.png", "golden.json", "../outside.png"])
def test_an_image_that_is_not_there_or_outside_the_bundle_is_left_out(bundle: Path, name: str) -> None:
    images.pillow().new("RGB", (8, 8)).save(bundle.parent / "outside.png")
    change_golden(bundle, image=name)
    assert len(golden_feeds(subject_of(bundle), INPUTS)) == IMAGES - 1


def test_without_pillow_images_are_made_up(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(path: Path) -> None:
        raise MissingError("T280", "Pillow is not installed", "pip install pillow")

    monkeypatch.setattr(golden_inputs, "open_image", missing)
    assert golden_feeds(subject_of(bundle), INPUTS) == []
    assert same_answers(subject_of(bundle), ThisMachine(), LocalRunner()).passed


def test_token_ids_are_given_where_the_graph_takes_them_all(tmp_path: Path) -> None:
    cases = [{"inputs": {"input_ids": [1, 2], "attention_mask": [1, 1]}}, {"inputs": {"input_ids": [1]}}]
    (tmp_path / "golden.json").write_text(json.dumps({"cases": cases}))
    (feed,) = golden_feeds(Subject("chain", tmp_path / "onnx" / "model.onnx"), IDS)
    assert {name: array.tolist() for name, array in feed.items()} == {"input_ids": [[1, 2]], "attention_mask": [[1, 1]]}
    assert feed["input_ids"].dtype == np.int64


def test_a_model_in_no_bundle_has_none(tmp_path: Path) -> None:
    assert golden_feeds(Subject("chain", tmp_path / "model.onnx"), IDS) == []
