"""Loading a folder: what it may be, what may be wrong with it, and what it costs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest

import compactor
from compactor.base import environment
from compactor.base.errors import CompactorError, MissingError
from compactor.runtime import load


@pytest.fixture
def folder(built, tmp_path):
    return shutil.copytree(built["fp32"], tmp_path / "bundle")


def change(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **values}), encoding="utf-8")


def test_a_plain_onnx_folder_answers_as_the_bundle_made_of_it(sources, built):
    texts = ["my money back", "parcel"]
    np.testing.assert_array_equal(load(sources["fp32"]).logits(texts), load(built["fp32"]).logits(texts))


def test_compactor_load_is_the_same_and_takes_a_string(built):
    assert compactor.load(str(built["fp32"]))("parcel")["label"]


def test_a_tokenizer_file_that_pads_does_not_make_texts_longer(sources):
    stored = json.loads((sources["fp32"] / "tokenizer.json").read_text(encoding="utf-8"))
    assert stored["padding"] is not None
    assert len(load(sources["fp32"]).encode("my money")[0]["input_ids"]) == 4


@pytest.mark.parametrize("name", ["onnx/model.onnx", "tokenizer.json"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(MissingError, match=f"has no {name}"):
        load(folder)


def test_a_missing_folder_or_description_is_told(tmp_path):
    with pytest.raises(MissingError, match="there is no folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(MissingError, match=r"neither manifest\.json nor interface\.json"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "cannot be read"), ("[]", "does not describe a model"), ('{"schema": 1}', "does not describe a model")],
)
def test_a_broken_manifest_is_told(folder, content, said):
    (folder / "manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(CompactorError, match=said):
        load(folder)


def test_a_manifest_of_the_future_asks_for_an_upgrade(folder):
    change(folder / "manifest.json", schema=3)
    with pytest.raises(CompactorError, match="upgrade compactor"):
        load(folder)


@pytest.mark.parametrize("name", ["../other/model.onnx", "onnx/../../model.onnx", "..\\model.onnx", "C:\\model.onnx", ".", ""])
def test_a_graph_outside_the_folder_is_not_opened(folder, name):
    shutil.copytree(folder / "onnx", folder.parent / "other")
    change(folder / "manifest.json", model=name)
    with pytest.raises(CompactorError, match="does not lie below the folder") as caught:
        load(folder)
    assert caught.value.problem.code == "T202"


def test_an_absolute_path_is_not_opened(folder):
    change(folder / "manifest.json", model=str(folder / "onnx/model.onnx"))
    with pytest.raises(CompactorError, match="does not lie below the folder"):
        load(folder)


def test_an_unknown_input_is_told_at_load(folder):
    change(folder / "manifest.json", inputs={"pixel_values": {}})
    with pytest.raises(CompactorError, match="pixel_values"):
        load(folder)


def test_an_onnxruntime_that_is_too_old_is_told(folder, monkeypatch):
    change(folder / "manifest.json", oldest_onnxruntime="1.18")
    monkeypatch.setattr(onnxruntime, "__version__", "1.9.1")
    with pytest.raises(MissingError, match=r"needs onnxruntime 1\.18 or newer, here is 1\.9\.1"):
        load(folder)


def test_a_provider_that_is_not_there_is_an_error_and_no_fallback(folder):
    with pytest.raises(MissingError, match="has no TensorrtExecutionProvider"):
        load(folder, providers=["TensorrtExecutionProvider", "CPUExecutionProvider"])
    change(folder / "manifest.json", providers=["CUDAExecutionProvider"])
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(MissingError, match=r"onnxruntime-gpu.*CPUExecutionProvider"):
            load(folder)
    assert load(folder, providers=["CPUExecutionProvider"]).providers[0] == "CPUExecutionProvider"


@pytest.mark.parametrize("name", ["onnx/model.onnx", "tokenizer.json"])
def test_a_broken_file_is_told_in_one_line(folder, name):
    (folder / name).write_bytes(b"not what it should be")
    with pytest.raises(CompactorError) as caught:
        load(folder)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_threads_are_the_recommended_ones_but_no_more_than_the_process_may_use(folder, monkeypatch):
    change(folder / "manifest.json", session={"intra_op_num_threads": 4})
    monkeypatch.setattr(environment, "cores_allowed", lambda: 2)
    assert load(folder)._session.get_session_options().intra_op_num_threads == 2
    monkeypatch.setattr(environment, "cores_allowed", lambda: 16)
    assert load(folder)._session.get_session_options().intra_op_num_threads == 4
    assert load(folder, threads=1)._session.get_session_options().intra_op_num_threads == 1
    with pytest.raises(ValueError, match="threads"):
        load(folder, threads=0)


def run_alone(code: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, env={**kept, **environ}
    )


def test_naming_the_runtime_costs_nothing_and_loading_writes_nothing_at_home(built, tmp_path):
    code = (
        "import sys, compactor, compactor.runtime, compactor.runtime.loading\n"
        "assert not {'numpy', 'onnxruntime', 'tokenizers'} & set(sys.modules)\n"
        "compactor.load(sys.argv[1])('parcel')\n"
        "print(sorted({'torch', 'transformers', 'onnx', 'pydantic'} & set(sys.modules)))"
    )
    home = tmp_path / "home"
    home.mkdir()
    assert run_alone(code, str(built["fp32"]), HOME=str(home)).stdout.strip() == "[]"
    assert list(home.rglob("*")) == []


def test_the_session_options_of_a_sweep_are_heeded(folder):
    session = {"intra_op_num_threads": 1, "graph_optimization_level": "basic", "enable_cpu_mem_arena": False}
    change(folder / "manifest.json", session=session)
    options = load(folder)._session.get_session_options()
    assert options.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    assert options.enable_cpu_mem_arena is False
    change(folder / "manifest.json", session={"graph_optimization_level": "wild"})
    with pytest.raises(CompactorError, match="wild"):
        load(folder)
