"""A bag-of-pieces classifier as an ONNX folder, made by hand: table, product, mean, Gemm. It needs no torch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

PIECES, WIDTH, HIDDEN, LABELS = 200, 32, 48, 4
_generator = np.random.default_rng(0)
TABLE = _generator.normal(size=(PIECES, WIDTH)).astype(np.float32)
WEIGHT = _generator.normal(size=(WIDTH, HIDDEN)).astype(np.float32)
HEAD = _generator.normal(size=(LABELS, HIDDEN)).astype(np.float32)


def model() -> onnx.ModelProto:
    """Return logits = mean over tokens of relu(table[ids] W), times the head, plus a bias. The mask is an input that only scales by 1."""
    nodes = [
        helper.make_node("Gather", ["embeddings.weight", "input_ids"], ["hidden"], "/embeddings/Gather"),
        helper.make_node("MatMul", ["hidden", "encoder.weight"], ["product"], "/encoder/MatMul"),
        helper.make_node("Relu", ["product"], ["active"], "/encoder/Relu"),
        helper.make_node("ReduceMean", ["active"], ["pooled"], "/encoder/ReduceMean", axes=[1], keepdims=0),
        helper.make_node("Gemm", ["pooled", "classifier.weight", "classifier.bias"], ["logits"], "/classifier/Gemm", transB=1),
    ]
    arrays = {
        "embeddings.weight": TABLE,
        "encoder.weight": WEIGHT,
        "classifier.weight": HEAD,
        "classifier.bias": np.arange(LABELS, dtype=np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "main",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", LABELS])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def folder(path: Path) -> Path:
    """Write the model as an ONNX folder."""
    path.mkdir(parents=True)
    onnx.save(model(), str(path / "model.onnx"))
    (path / "labels.json").write_text(json.dumps([f"label {number}" for number in range(LABELS)]))
    (path / "interface.json").write_text(json.dumps({"schema": 1, "precision": "fp32", "max_length": 16, "pad_id": 0}))
    return path


def batch(rows: int = 6, length: int = 9, seed: int = 0) -> dict[str, np.ndarray]:
    """Return random ids, int64 (rows, length)."""
    ids = np.random.default_rng(seed).integers(0, PIECES, (rows, length))
    return {"input_ids": ids, "attention_mask": np.ones_like(ids)}
