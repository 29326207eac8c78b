"""Optimum as a third exporter, found or told to be missing; its graphs get compactor's interface, and its classes load our bundles."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compactor.base.errors import MissingError, StageError
from compactor.checks.agreement import agreement
from compactor.checks.answers import onnx_answer
from compactor.exporting import optimum_python as finding
from compactor.stages.export import Export
from compactor.targets import Target
from compactor.tasks import TASKS
from tests.exporting import tiny

TASK = TASKS.load("text-classification")()
PYTHON = os.environ.get(finding.PYTHON, "")
needs_optimum = pytest.mark.skipif(not PYTHON, reason=f"{finding.PYTHON} names no Python that has optimum-onnx")
LOADS_A_BUNDLE = """
import json, sys, torch
from optimum.onnxruntime import ORTModelForSequenceClassification
from transformers import PreTrainedTokenizerFast
folder = sys.argv[1]
model = ORTModelForSequenceClassification.from_pretrained(folder, file_name=sys.argv[2], local_files_only=True)
for ids in json.loads(sys.argv[3]):
    ids = torch.tensor([ids])
    print(json.dumps(model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.tolist()))
tokenizer = PreTrainedTokenizerFast(tokenizer_file=folder + "/tokenizer.json")
print(json.dumps(tokenizer("w7 w8 w9").input_ids))
"""


@pytest.fixture
def absent(monkeypatch):
    monkeypatch.setattr(finding.importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv(finding.PYTHON, raising=False)


def test_a_missing_optimum_is_told_before_any_work(absent, monkeypatch):
    ((path, problem),) = Export(backend="optimum").file_problems(())
    assert (path, problem.code) == (("backend",), "X145")
    assert "requirements/optimum.txt" in problem.hint
    assert not list(Export().file_problems(()))
    monkeypatch.setenv(finding.PYTHON, "/nowhere/python")
    with pytest.raises(MissingError, match="no program"):
        finding.optimum_python()


def test_the_opset_is_the_target_s():
    assert Export(backend="optimum").opset_for(Target(name="x", title="", machine="any", oldest_onnxruntime="1.16")) == 17
    assert Export(backend="optimum").opset_for(Target(name="x", title="", machine="any", oldest_onnxruntime="1.10")) == 14


def test_token_types_that_are_always_0_are_folded():
    onnx = pytest.importorskip("onnx")
    import onnxruntime

    from compactor.exporting.with_optimum import _fit

    def value(name: str, kind: int, axes: list[Any]) -> Any:
        return onnx.helper.make_tensor_value_info(name, kind, axes)

    tables = [
        onnx.numpy_helper.from_array(np.random.default_rng(seed).standard_normal((size, 4)).astype(np.float32), name)
        for seed, (name, size) in enumerate([("words", 9), ("types", 2)])
    ]
    nodes = [
        onnx.helper.make_node("Gather", ["words", "input_ids"], ["a"]),
        onnx.helper.make_node("Gather", ["types", "token_type_ids"], ["b"]),
        onnx.helper.make_node("Add", ["a", "b"], ["logits"]),
    ]
    ids = [value(name, onnx.TensorProto.INT64, ["batch_size", "sequence_length"]) for name in ("input_ids", "token_type_ids")]
    logits = [value("logits", onnx.TensorProto.FLOAT, ["batch_size", "sequence_length", 4])]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "g", ids, logits, tables), opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )
    feed = {"input_ids": np.array([[1, 2, 8]]), "token_type_ids": np.zeros((1, 3), np.int64)}
    before = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feed)[0]
    axes = {"input_ids": ("batch", "sequence")}
    _fit(model, axes, {"logits": ("batch", "sequence", "labels")})
    session = onnxruntime.InferenceSession(model.SerializeToString())
    assert [(each.name, each.shape) for each in session.get_inputs()] == [("input_ids", ["batch", "sequence"])]
    np.testing.assert_array_equal(session.run(None, {"input_ids": feed["input_ids"]})[0], before)
    with pytest.raises(StageError, match="wanted are"):
        _fit(model, axes, {"hidden": ("batch",)})


@needs_optimum
@pytest.mark.slow
@pytest.mark.parametrize("pair", [False, True])
def test_optimum_s_graph_answers_as_ours(pair, tmp_path):
    from compactor.exporting import export_onnx

    source = tiny.save_model(tmp_path / "torch")
    for backend in ("torchscript", "optimum"):
        export_onnx(source, tmp_path / backend, task=TASK, pair=pair, opset=17, backend=backend)  # type: ignore[arg-type]
    batch = tiny.Rows(pair=pair).batch(np.arange(6))
    ours, theirs = (onnx_answer(tmp_path / backend / "model.onnx")(batch) for backend in ("torchscript", "optimum"))
    assert agreement(ours, theirs).scaled_difference < 1e-5
    ours, theirs = (json.loads((tmp_path / each / "interface.json").read_text()) for each in ("torchscript", "optimum"))
    assert ours == theirs


@needs_optimum
@pytest.mark.slow
def test_optimum_s_classes_load_our_folder_and_give_its_answers(tmp_path):
    from compactor.exporting import export_onnx

    export_onnx(tiny.save_model(tmp_path / "torch"), tmp_path / "onnx", task=TASK, pair=False, opset=17)
    rows = [[7, 8, 9], [5, 6, 7, 8, 9, 10, 11]]
    expected = [onnx_answer(tmp_path / "onnx/model.onnx")(alone(row)) for row in rows]
    *answers, ids = answered(tmp_path / "onnx", "model.onnx", rows)
    for found, wanted in zip(answers, expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert ids == [7, 8, 9]


def alone(row: list[int]) -> dict[str, np.ndarray]:
    ids = np.array([row], dtype=np.int64)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}


def answered(folder: Path, name: str, rows: list[list[int]]) -> list[Any]:
    command = [PYTHON, "-c", LOADS_A_BUNDLE, str(folder), name, json.dumps(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
