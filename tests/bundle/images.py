"""A classifier of images of a few kilobytes, made with onnx alone: its answer is a matrix times the pixels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LABELS = ["dark", "light", "green"]
SIDE = 6
PROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "size": {"height": SIDE, "width": SIDE},
    "image_mean": [0.5] * 3,
    "image_std": [0.5] * 3,
}


def write_onnx_folder(folder: Path) -> Path:
    """Write an ONNX folder as `export` leaves it."""
    folder.mkdir(parents=True)
    weights = np.zeros((3, SIDE * SIDE, 3), dtype=np.float32)
    weights[:, :, 0], weights[:, :, 1], weights[1, :, 2] = -0.05, 0.05, 0.2
    weights[[0, 2], :, 2] = -0.1
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["pixel_values"], ["flat"]), helper.make_node("MatMul", ["flat", "weights"], ["logits"])],
        "main",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(LABELS)])],
        [numpy_helper.from_array(weights.reshape(-1, 3), "weights")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx")
    interface = {
        "schema": 1,
        "task": "image-classification",
        "answer": "class",
        "pipeline_tag": "image-classification",
        "inputs": {"pixel_values": {"dtype": "float32", "axes": ["batch", "channels", "height", "width"]}},
        "outputs": {"logits": {"dtype": "float32", "axes": ["batch", "labels"]}},
        "max_length": None,
        "pad_id": None,
        "pair": False,
        "image": PROCESSOR,
        "opset": 17,
        "precision": "fp32",
    }
    files = {"interface": interface, "labels": LABELS, "config": {"model_type": "vit"}, "preprocessor_config": PROCESSOR}
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder
