"""What a built bundle holds, and that it holds only what can travel."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from compactor.base.errors import StageError
from compactor.base.hashing import hash_file, hash_folder
from compactor.bundle.golden import AWKWARD
from compactor.quantization import quantize_weights
from compactor.targets import load_target
from tests.bundle.conftest import PAIRS, TEXTS, make
from tests.bundle.tiny import LABELS, MAX_LENGTH, write_onnx_folder
from tests.quantization import bag

ROOT = Path(__file__).parent.parent.parent


def read(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_layout_is_the_agreed_one(built):
    common = {
        *("tokenizer.json", "tokenizer_config.json", "vocab.txt", "config.json", "labels.json", "manifest.json", "golden.json"),
        *("README.md", "profile.yaml", "LICENSES/Apache-2.0.txt", "LICENSES/NOTICE.txt"),
    }
    graphs = {"fp32": "onnx/model.onnx", "int8": "onnx/model_quantized.onnx", "pair": "onnx/model.onnx"}
    for name, graph in graphs.items():
        assert set(hash_folder(built[name])) == {*common, graph}


def test_the_manifest_describes_the_graph(built):
    manifest = read(built["pair"] / "manifest.json")
    assert list(manifest["inputs"]) == ["input_ids", "attention_mask", "token_type_ids"]
    assert manifest["inputs"]["input_ids"]["dtype"] == "int64"
    assert manifest["outputs"]["logits"]["axes"] == ["batch", "labels"]
    assert (manifest["opset"], manifest["ir_version"], manifest["oldest_onnxruntime"]) == (17, 8, "1.12")
    assert manifest["labels"] == LABELS
    assert manifest["max_length"] == manifest["truncation"]["max_length"] == MAX_LENGTH
    assert manifest["tokenizer"]["lower_cases"] is True
    assert manifest["tokenizer"]["special_ids"]["[MASK]"] == 4
    assert manifest["providers"] == ["CPUExecutionProvider"]


def test_it_says_whether_answers_depend_on_padding_and_on_the_processor(built):
    plain, quantized = read(built["fp32"] / "manifest.json"), read(built["int8"] / "manifest.json")
    assert not plain["padding"]["answers_depend_on_padding"]
    assert plain["instruction_sets"]["x86_64"] == "any"
    assert quantized["padding"]["answers_depend_on_padding"]
    assert "avx512_vnni" in quantized["instruction_sets"]["x86_64"]["any_of"]


def test_seven_bit_weights_are_safe_everywhere(sources, tmp_path):
    folder = make(sources["int8"], tmp_path / "bundle", reduce_range=True)
    assert read(folder / "manifest.json")["instruction_sets"]["x86_64"] == "any"


@pytest.mark.parametrize("reduced", [True, False])
@pytest.mark.parametrize("target", ["laptop-cpu", "laptop-cpu-no-vnni"])
def test_what_quantize_did_counts_and_not_what_the_target_asks_for(reduced, target, sources, tmp_path):
    smaller, larger = (shutil.copytree(sources["int8"], tmp_path / name) for name in ("smaller", "larger"))
    for source, told in ((smaller, reduced), (larger, not reduced)):
        interface = read(source / "interface.json") | {"reduce_range": told}
        (source / "interface.json").write_text(json.dumps(interface))
    shutil.copytree(larger, smaller / "larger")
    rule = {"confidence": 0.5, "temperature": 1.0, "larger": {"folder": "larger", "temperature": 1.0}}
    (smaller / "interface.json").write_text(json.dumps(read(smaller / "interface.json") | {"schema": 2, "cascade": rule}))
    folder = make(smaller, tmp_path / "bundle", target=load_target(target))
    for place, told in ((folder, reduced), (folder / "larger", not reduced)):
        assert (read(place / "manifest.json")["instruction_sets"]["x86_64"] == "any") == told


def test_every_file_but_the_written_after_is_hashed(bundle):
    manifest = read(bundle / "manifest.json")
    assert set(manifest["files"]) == set(hash_folder(bundle)) - {"manifest.json", "README.md"}
    for path, entry in manifest["files"].items():
        assert entry == {"sha256": hash_file(bundle / path), "size_bytes": (bundle / path).stat().st_size}


def test_padding_and_truncation_are_gone_from_the_tokenizer(built):
    tokens = read(built["fp32"] / "tokenizer.json")
    assert tokens["padding"] is None
    assert tokens["truncation"] is None
    assert read(built["fp32"] / "tokenizer_config.json")["model_max_length"] == MAX_LENGTH


def test_the_config_names_labels_and_the_graph_for_javascript(built):
    config = read(built["int8"] / "config.json")
    assert config["id2label"] == {"0": "refund", "1": "delivery", "2": "log in"}
    assert config["label2id"]["log in"] == 2
    assert config["transformers.js_config"] == {"dtype": "q8"}
    assert config["model_type"] == "bert"


def test_golden_holds_the_awkward_and_the_real_texts(built):
    for name in ("fp32", "pair"):
        golden = read(built[name] / "golden.json")
        assert [case["text"] for case in golden["cases"]] == [*AWKWARD, *TEXTS]
        assert all(set(case["inputs"]) == set(read(built[name] / "manifest.json")["inputs"]) for case in golden["cases"])
        full = {case["text"]: case["at_max_length"] for case in golden["cases"]}
        assert full[AWKWARD[-1]]
        assert not full["parcel late"]
    assert len(AWKWARD) >= 16
    assert golden["cases"][-1]["pair"] == PAIRS[-1]
    assert golden["tolerance"]["absolute"] == 1e-4
    assert read(built["int8"] / "golden.json")["tolerance"]["cosine"] == 0.98


def test_the_same_source_gives_the_same_bytes(sources, tmp_path):
    assert hash_folder(make(sources["int8"], tmp_path / "a")) == hash_folder(make(sources["int8"], tmp_path / "b"))


def test_no_absolute_path_is_inside(sources, tmp_path):
    profile = f"data: {{train: {tmp_path}/train.csv}}\nstages:\n  - teacher: {{model: '{tmp_path}/my model'}}\n"
    folder = make(
        sources["fp32"], tmp_path / "bundle", profile_text=profile, made={"key": "ab", "from": f"{tmp_path}/store/ab"}
    )
    forbidden = {str(path).encode() for path in (tmp_path, ROOT, Path.home(), "/somewhere") if str(path) != "/"}
    for path in folder.rglob("*"):
        if path.is_file():
            found = [each for each in forbidden if each in path.read_bytes()]
            assert not found, f"{path.name} holds {found}"
    assert (folder / "profile.yaml").read_text() == "data: {train: train.csv}\nstages:\n  - teacher: {model: 'my model'}\n"


def test_a_graph_too_new_for_the_target_is_refused_with_the_version(tmp_path):
    source = write_onnx_folder(tmp_path / "new", opset=20, ir_version=9)
    with pytest.raises(StageError, match=r"opset 20, which needs onnxruntime 1\.17, but host has 1\.16"):
        make(source, tmp_path / "bundle")
    newer = load_target("host").model_copy(update={"oldest_onnxruntime": "1.20"})
    make(source, tmp_path / "newer", target=newer)
    assert read(tmp_path / "newer/manifest.json")["oldest_onnxruntime"] == "1.17"


@pytest.mark.parametrize(
    ("settings", "oldest"),
    [
        ({"bits": 4, "block_tables": False}, "1.17"),
        ({"bits": 8, "block_tables": False}, "1.22"),
        ({"bits": 8, "block_tables": False, "accuracy_level": 0}, "1.23"),
        ({"bits": 4, "block": 16}, "1.23"),
        ({"bits": 2, "block_tables": False}, "1.24"),
    ],
)
def test_the_oldest_runtime_has_kernels_for_the_bits(settings, oldest, tmp_path):
    facts = quantize_weights(bag.folder(tmp_path / "fp32"), tmp_path / "few", **settings)
    assert ("GatherBlockQuantized" in facts["operators"]) == settings.get("block_tables", True)
    source = write_onnx_folder(tmp_path / "source")
    (source / "model.onnx").write_bytes((tmp_path / "few/model.onnx").read_bytes())
    with pytest.raises(StageError, match=f"needs onnxruntime {oldest}, but host has 1.16"):
        make(source, tmp_path / "bundle")


def test_weights_in_other_files_are_refused(sources, tmp_path):
    import onnx

    source = shutil.copytree(sources["fp32"], tmp_path / "external")
    model = onnx.load(source / "model.onnx")
    onnx.save_model(model, source / "model.onnx", save_as_external_data=True, size_threshold=0, location="weights.bin")
    with pytest.raises(StageError, match="does not fit one file"):
        make(source, tmp_path / "bundle")


def test_an_incomplete_source_is_named(tmp_path):
    source = write_onnx_folder(tmp_path / "source")
    os.remove(source / "interface.json")
    with pytest.raises(StageError, match=r"has no interface\.json"):
        make(source, tmp_path / "bundle")


def test_a_bundle_for_another_provider_is_built_on_the_cpu(sources, tmp_path):
    folder = make(sources["fp32"], tmp_path / "gpu", target=load_target("server-gpu"))
    assert read(folder / "manifest.json")["providers"] == ["CUDAExecutionProvider"]
