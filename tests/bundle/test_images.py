"""A bundle that sees: built, verified, asked with every kind of image, and read by the code on its card."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import compactor
from compactor.base.errors import CompactorError, MissingError
from compactor.bundle import build, verify
from compactor.targets import load_target
from tests.bundle.images import SIDE, write_onnx_folder
from tests.data.images import write_folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    root = tmp_path_factory.mktemp("bundle")
    source = write_onnx_folder(root / "onnx")
    own = sorted(write_folder(root / "own", 2).rglob("*.png"))
    facts = build(source, root / "bundle", target=load_target("laptop-cpu"), name="seer", images=own)
    assert facts["golden"] == 11 + 4
    return root / "bundle"


@pytest.fixture(scope="module")
def model(bundle):
    return compactor.load(bundle)


def test_it_verifies(bundle):
    found = verify(bundle)
    assert found.passed, [check for check in found.checks if check.status != "passed"]


def test_all_kinds_of_images_are_answered_alike(model, tmp_path):
    green = Image.new("RGB", (30, 20), (10, 250, 20))
    green.save(tmp_path / "green.png")
    answer = model(tmp_path / "green.png")
    assert answer["label"] == "green"
    assert answer["score"] > 0.9
    for image in (str(tmp_path / "green.png"), (tmp_path / "green.png").read_bytes(), green, np.asarray(green)):
        assert model(image) == answer
    assert model([tmp_path / "green.png", np.zeros((SIDE, SIDE, 3), dtype=np.uint8)])[1]["label"] == "dark"
    many = [tmp_path / "green.png"] * 5
    np.testing.assert_allclose(model.logits(many, batch_size=2), model.logits(many))
    assert model.logits([]).shape == (0, 3)
    assert model.encode(green)[0]["pixel_values"].shape == (3, SIDE, SIDE)


def test_what_is_no_image_is_told(model, tmp_path):
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(CompactorError, match=r"T281.*text\.png.*known format"):
        model(tmp_path / "text.png")
    with pytest.raises(CompactorError, match=r"T281.*nowhere\.png.*no such file"):
        model("nowhere.png")
    with pytest.raises(TypeError, match=r"images\[1\]"):
        model([b"", 3])
    with pytest.raises(TypeError, match="uint8"):
        model(np.zeros((SIDE, SIDE, 3)))
    with pytest.raises(ValueError, match="leave pairs out"):
        model("a.png", "b.png")


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda manifest: manifest["image"].update(image_mean=[0.1] * 3), "token ids"),
        (lambda manifest: manifest["image"].update(resample=0), "token ids"),
        (lambda manifest: manifest["image"].update(do_center_crop=True, crop_size=3), "token ids"),
    ],
)
def test_a_changed_bundle_fails(bundle, tmp_path, change, check):
    shutil.copytree(bundle, tmp_path / "changed")
    path = tmp_path / "changed" / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    assert [each.name for each in verify(tmp_path / "changed").checks if each.status == "failed"] == [check]


def test_an_image_of_the_self_test_may_not_change(bundle, tmp_path):
    shutil.copytree(bundle, tmp_path / "changed")
    Image.new("RGB", (40, 24)).save(tmp_path / "changed" / "golden" / "slopes.png")
    failed = {each.name for each in verify(tmp_path / "changed").checks if each.status == "failed"}
    assert {"files", "token ids"} <= failed


def test_the_code_on_the_card_gives_the_same_label(bundle, model, tmp_path):
    card = (bundle / "README.md").read_text(encoding="utf-8")
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", card, flags=re.S) if "import onnxruntime" in block]
    shutil.copytree(bundle, tmp_path / "bundle")
    Image.new("RGB", (30, 20), (10, 250, 20)).save(tmp_path / "bundle" / "photo.jpg")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "bundle", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == model(tmp_path / "bundle" / "photo.jpg")["label"] == "green"
    assert "Sees an image" in card
    assert "tokens" not in card


def test_without_pillow_arrays_are_answered_and_files_say_what_is_missing(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert model(np.zeros((SIDE, SIDE, 3), dtype=np.uint8))["label"] == "dark"
    with pytest.raises(MissingError, match="T280"):
        model("photo.jpg")


def test_try_asks_it(bundle, tmp_path, capsys):
    from compactor.cli.main import main

    Image.new("RGB", (9, 9)).save(tmp_path / "black.png")
    assert main(["try", str(bundle), str(tmp_path / "black.png"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["image"], told["label"]) == (str(tmp_path / "black.png"), "dark")
