"""A bundle of two models answers each text by the one that its rule names; old readers refuse it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from compactor import runtime
from compactor.base.atomic import read_json, write_json
from compactor.base.errors import CompactorError
from compactor.bundle import build, verify
from compactor.runtime.answers import confidence
from compactor.targets import load_target
from tests.bundle import tiny

TEXTS = [
    f"{one} {other}" for one in tiny.SENTENCE.split() for other in ("money", "late", "my password jumps over the lazy dog")
]
# By whether there are pairs: about the middle of what the smaller model is sure of.
CONFIDENCE = {False: 0.75, True: 0.5}
RULE = {"temperature": 1.5, "larger": {"folder": "larger", "temperature": 0.8}}


@pytest.fixture(scope="module", params=[False, True], ids=["one", "pair"])
def places(request, tmp_path_factory):
    """Return the ONNX folders of the two models, of the cascade, and the bundle; the larger model reads fewer tokens."""
    root = tmp_path_factory.mktemp("cascade")
    smaller = tiny.write_onnx_folder(root / "smaller", pair=request.param, strong=2.0)
    larger = tiny.write_onnx_folder(root / "larger", pair=request.param, strong=-5.0)
    write_json(larger / "interface.json", {**read_json(larger / "interface.json"), "max_length": 6})
    both, rule = root / "both", {"confidence": CONFIDENCE[request.param], **RULE}
    shutil.copytree(smaller, both)
    shutil.copytree(larger, both / "larger")
    write_json(both / "interface.json", {**read_json(both / "interface.json"), "schema": 2, "cascade": rule})
    bundle = root / "a bundle"
    pairs = TEXTS[::-1][:4] if request.param else None
    build(both, bundle, target=load_target("host"), name="two", texts=TEXTS[:4], pairs=pairs)
    return smaller, larger, both, bundle


def asked(model) -> tuple:
    return (TEXTS, TEXTS[::-1]) if model.interface.pair else (TEXTS,)


@pytest.mark.parametrize("batch_size", [None, 7])
def test_each_text_is_answered_by_the_model_that_the_rule_names(places, batch_size):
    smaller, larger, both, bundle = places
    models = [runtime.load(place) for place in (smaller, larger)]
    first, second = (model.logits(*asked(model), batch_size=batch_size) for model in models)
    sure = confidence(first, RULE["temperature"]) >= CONFIDENCE[models[0].interface.pair]
    assert 0.2 < sure.mean() < 0.8, "the texts must tell something"
    expected = np.where(sure[:, None], first / 1.5, second / 0.8)
    for place in (both, bundle):
        cascade = runtime.load(place)
        assert cascade.logits(*asked(cascade), batch_size=batch_size) == pytest.approx(expected, abs=1e-5)
        assert (cascade.confidences(*asked(cascade)) >= cascade.rule.confidence).tolist() == sure.tolist()
        labels = [answer["label"] for answer in cascade(*asked(cascade), batch_size=batch_size)]
        assert labels == [tiny.LABELS[number] for number in expected.argmax(axis=1)]
    assert cascade(*(texts[0] for texts in asked(cascade)))["label"] == labels[0]


@pytest.mark.parametrize("name", [".", "./", "..", "larger/../larger", "/somewhere"])
def test_the_larger_model_lies_below_the_smaller(places, name, tmp_path):
    folder = shutil.copytree(places[3], tmp_path / "bundle")
    manifest = read_json(folder / "manifest.json")
    manifest["cascade"]["larger"]["folder"] = name
    write_json(folder / "manifest.json", manifest)
    with pytest.raises(CompactorError, match="does not lie below the folder") as caught:
        runtime.load(folder)
    assert caught.value.problem.code == "T202"


def test_a_cascade_in_a_cascade_is_refused(places, tmp_path):
    folder = shutil.copytree(places[2], tmp_path / "both")
    shutil.copytree(places[1], folder / "larger" / "larger")
    inner = read_json(folder / "larger/interface.json")
    write_json(
        folder / "larger/interface.json", {**inner, "schema": 2, "cascade": read_json(folder / "interface.json")["cascade"]}
    )
    with pytest.raises(CompactorError, match="is a cascade itself") as caught:
        runtime.load(folder)
    assert caught.value.problem.code == "T202"


def test_a_bundle_of_two_is_verified_and_says_who_answered(places, tmp_path):
    bundle = places[3]
    assert verify(bundle).passed
    cases = read_json(bundle / "golden.json")["cases"]
    assert {case["by"] for case in cases} == {"model", "larger"}
    threshold = runtime.load(bundle).rule.confidence
    assert all((case["by"] == "model") == (case["confidence"] >= threshold) for case in cases)
    assert max(len(case["larger_inputs"]["input_ids"]) for case in cases) == 6
    manifest = read_json(bundle / "manifest.json")
    assert manifest["schema"] == 2
    assert manifest["cascade"]["larger"] == RULE["larger"]
    assert "larger/onnx/model.onnx" in manifest["files"]
    other = tmp_path / "other rule"
    shutil.copytree(bundle, other)
    write_json(other / "manifest.json", {**manifest, "cascade": {**manifest["cascade"], "confidence": 0.0}})
    found = {check.name: check.status for check in verify(other).checks}
    assert found["outputs"] == "failed"
    (other / "larger" / "vocab.txt").write_text("changed")
    assert {check.name: check.status for check in verify(other).checks}["files"] == "failed"


def test_the_size_is_that_of_both_and_the_larger_one_is_a_part(places):
    from compactor.measuring.size import size_by_part, size_bytes

    smaller, larger, both, _ = places
    parts = size_by_part(both)
    assert parts["larger"] == size_bytes(larger)
    assert parts["total"] == size_bytes(both) == sum(size for name, size in parts.items() if name != "total")
    assert parts["embeddings"] == size_by_part(smaller)["embeddings"]


def test_the_card_shows_code_that_asks_both(places, tmp_path):
    bundle: Path = places[3]
    card = (bundle / "README.md").read_text(encoding="utf-8")
    assert "two models" in card
    code = card.split("```python")[2].split("```")[0].replace('folder = "."', f"folder = {json.dumps(str(bundle))}")
    cascade = runtime.load(bundle)
    texts = ("the first sentence", "the second sentence") if cascade.interface.pair else ("some text",)
    told: list[str] = []
    exec(code, {"print": lambda *words: told.append(str(words[0]))})
    assert told == [cascade(*texts)["label"]]
    assert "transformers.js" not in card
