"""Verification finds what is wrong, and nothing where all is well."""

from __future__ import annotations

import json
from pathlib import Path

import onnxruntime
import pytest

from compactor.base.hashing import hash_file
from compactor.bundle import verify
from compactor.bundle.fresh import verify_fresh
from tests.bundle.tiny import save_graph


def failed(folder: Path) -> dict[str, str]:
    return {check.name: check.sentence for check in verify(folder).checks if check.status == "failed"}


def edit(path: Path, **values) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **values}), encoding="utf-8")


def rehash(folder: Path, name: str) -> None:
    """Put a changed file's hash into the manifest, as one does who wants the change not to be seen."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"][name]["sha256"] = hash_file(folder / name)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def test_a_moved_bundle_passes_every_check(bundle):
    found = verify(bundle)
    assert found.passed, found
    assert {check.status for check in found.checks} == {"passed"}


def test_it_passes_in_a_process_without_torch(bundle):
    found = verify_fresh(bundle)
    assert found["passed"], found
    assert found["loaded"] == []


def test_files_written_after_measuring_do_not_matter(bundle):
    (bundle / "README.md").write_text("another card", encoding="utf-8")
    (bundle / "measured.json").write_text("{}", encoding="utf-8")
    assert verify(bundle).passed


def test_one_changed_byte_is_seen(bundle):
    graph = next((bundle / "onnx").iterdir())
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    assert f"onnx/{graph.name} has changed since it was built" in failed(bundle)["files"]


def test_a_file_outside_the_bundle_is_named_and_not_opened(bundle):
    files = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))["files"]
    edit(bundle / "manifest.json", files={**files, "../secret": {"sha256": ""}, "/etc/hostname": {"sha256": ""}})
    told = failed(bundle)["files"]
    assert "../secret does not lie in the bundle" in told
    assert "/etc/hostname does not lie in the bundle" in told


def test_a_missing_and_a_stray_file_are_named(bundle):
    (bundle / "vocab.txt").unlink()
    (bundle / "onnx/other.onnx").write_bytes(b"")
    found = failed(bundle)
    assert found["files"] == "vocab.txt is missing"
    assert found["nothing else"] == "onnx/other.onnx does not belong here"


def test_other_weights_with_the_right_hash_are_seen_by_their_answers(built, tmp_path):
    import shutil

    folder = Path(shutil.copytree(built["fp32"], tmp_path / "bundle"))
    vocabulary = json.loads((folder / "config.json").read_text())["vocab_size"]
    save_graph(folder / "onnx/model.onnx", vocabulary, pair=False, opset=17, ir_version=8, strong=-4.0)
    rehash(folder, "onnx/model.onnx")
    found = failed(folder)
    assert "off by" in found["outputs"]
    assert "instead of" in found["answers"]
    assert "files" not in found


def test_a_tokenizer_that_splits_otherwise_is_seen_by_its_ids(bundle):
    tokens = json.loads((bundle / "tokenizer.json").read_text(encoding="utf-8"))
    tokens["normalizer"]["lowercase"] = False
    (bundle / "tokenizer.json").write_text(json.dumps(tokens), encoding="utf-8")
    rehash(bundle, "tokenizer.json")
    assert "'ALL CAPITALS and MiXeD CaSe'" in failed(bundle)["token ids"]
    assert {check.name for check in verify(bundle).checks if check.status == "skipped"} == {"outputs", "answers"}


def test_labels_in_another_order_are_seen(bundle):
    (bundle / "labels.json").write_text('["delivery", "refund", "log in"]', encoding="utf-8")
    rehash(bundle, "labels.json")
    assert "do not name the same labels" in failed(bundle)["labels"]


def test_quantized_answers_may_differ_a_little_on_another_machine_only(built, tmp_path):
    import shutil

    folder = Path(shutil.copytree(built["int8"], tmp_path / "bundle"))
    golden = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
    for case in golden["cases"]:
        case["logits"] = [value * 1.001 for value in case["logits"]]
    edit(folder / "golden.json", cases=golden["cases"])
    rehash(folder, "golden.json")
    assert "on the machine that built it" in failed(folder)["outputs"]
    edit(folder / "golden.json", made_on={**golden["made_on"], "cpu_model": "another"})
    rehash(folder, "golden.json")
    assert verify(folder).passed


def test_an_onnxruntime_too_old_fails_with_a_sentence(bundle, monkeypatch):
    monkeypatch.setattr(onnxruntime, "__version__", "1.8.0")
    assert "needs onnxruntime 1.12 or newer" in failed(bundle)["loads"]


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"schema": 1}', '{"schema": 1, "files": 3}'])
def test_a_broken_manifest_fails_without_a_traceback(bundle, content):
    (bundle / "manifest.json").write_text(content, encoding="utf-8")
    found = verify(bundle)
    assert not found.passed
    assert found.checks[0].status == "failed"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"cases": [{}]}'])
def test_a_broken_golden_file_fails_without_a_traceback(bundle, content):
    (bundle / "golden.json").write_text(content, encoding="utf-8")
    assert not verify(bundle).passed


def test_a_folder_that_is_no_bundle_fails(tmp_path):
    assert failed(tmp_path) == {"manifest": "there is no manifest.json"}


def test_a_process_that_dies_is_told(tmp_path):
    assert not verify_fresh(tmp_path)["passed"]
