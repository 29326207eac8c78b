"""Tiny ONNX models: a token table, a chain of matrix products, a mean over the tokens, a classifier."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

VOCABULARY, LABELS = 50, 3


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a model: `layers` products of `width`, and answers (batch, labels)."""

    def make(name: str, layers: int, width: int = 32) -> Path:
        onnx = pytest.importorskip("onnx")
        from onnx import TensorProto, helper, numpy_helper

        random = np.random.default_rng(0)

        def weight(name: str, *shape: int) -> Any:
            return numpy_helper.from_array((random.standard_normal(shape) / 8).astype(np.float32), name)

        weights = [weight("embeddings.word.weight", VOCABULARY, width)]
        nodes = [helper.make_node("Gather", ["embeddings.word.weight", "input_ids"], ["x0"])]
        for layer in range(layers):
            weights.append(weight(f"encoder.{layer}.weight", width, width))
            nodes.append(helper.make_node("MatMul", [f"x{layer}", f"encoder.{layer}.weight"], [f"m{layer}"]))
            nodes.append(helper.make_node("Tanh", [f"m{layer}"], [f"x{layer + 1}"]))
        weights += [weight("onnx::MatMul_7", width, LABELS), weight("bias", LABELS)]
        nodes.append(helper.make_node("ReduceMean", [f"x{layers}"], ["pooled"], axes=[1], keepdims=0))
        nodes.append(helper.make_node("MatMul", ["pooled", "onnx::MatMul_7"], ["product"]))
        nodes.append(helper.make_node("Add", ["product", "bias"], ["logits"]))
        given = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"])]
        gives = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", LABELS])]
        graph = helper.make_graph(nodes, "chain", given, gives, weights)
        folder = tmp_path / name
        folder.mkdir()
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, folder / "model.onnx")
        interface = {"inputs": {"input_ids": {"dtype": "int64", "axes": ["batch", "sequence"]}}, "max_length": 64}
        (folder / "interface.json").write_text(json.dumps(interface), encoding="utf-8")
        return folder / "model.onnx"

    return make


@pytest.fixture
def texts() -> list[np.ndarray]:
    """Token ids of texts with many lengths."""
    random = np.random.default_rng(1)
    return [random.integers(0, VOCABULARY, size=int(length)) for length in random.integers(3, 30, size=40)]
