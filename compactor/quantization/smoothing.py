"""SmoothQuant: outliers of activations are moved into the weights behind a pre-norm model's norms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from compactor.base.errors import StageError
from compactor.quantization.observing import observe
from compactor.quantization.scaling import norm_vectors, scale_inputs

SMALLEST = 1e-5


def smooth(model: onnx.ModelProto, batches: Sequence[dict[str, np.ndarray]], alpha: float, place: Path) -> int:
    """Scale the inputs of products behind norms, in place; return how many norms took a scale in.

    s = max|x|^a / max|W|^(1-a) for each input channel, shared by all products that read the norm: Xiao et al., "SmoothQuant: Accurate and
    Efficient Post-Training Quantization for Large Language Models" (2022), equation 4. The float model stays the same function.

    Args:
        model: in fp32.
        batches: inputs by name, without padding.
        alpha: how much of the difficulty goes into the weights, 0 to 1; the paper's is 0.5.
        place: folder for graphs.

    Raises:
        StageError: Q120, no norm is read by products alone: in a post-norm model such as BERT its output is a residual too, so that
            the scale would cost a multiplication of its own. Q107 and Q108 as in calibration.
    """
    groups = _behind_norms(model)
    if not groups:
        raise StageError(
            "Q120",
            "smoothing needs a pre-norm model, and here no norm is read by products with weights of their own alone",
            "leave calibration.smoothing out; keep: auto helps such models",
        )
    largest = {name: np.zeros(0) for name in groups}
    for found in observe(model, list(groups), batches, place):
        for name, values in zip(groups, found, strict=True):
            seen = np.abs(values).reshape(-1, values.shape[-1]).max(axis=0)
            largest[name] = np.maximum(largest[name], seen) if largest[name].size else seen
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for name, nodes in groups.items():
        heaviest = np.max([np.abs(weights[node.input[1]]).max(axis=1) for node in nodes], axis=0)
        scales = np.maximum(largest[name], SMALLEST) ** alpha / np.maximum(heaviest, SMALLEST) ** (1 - alpha)
        scale_inputs(model, nodes, np.maximum(scales, SMALLEST).astype(np.float32))
    return len(groups)


def _behind_norms(model: onnx.ModelProto) -> dict[str, list[onnx.NodeProto]]:
    """Return the products behind each norm that only products with matrices of their own read."""
    matrices = {t.name for t in model.graph.initializer if t.data_type == TensorProto.FLOAT and len(t.dims) == 2}
    outputs = {value.name for value in model.graph.output}
    groups = {}
    for name in norm_vectors(model):
        readers = [node for node in model.graph.node if name in node.input]
        if readers and name not in outputs and all(_own_product(model, node, name, matrices) for node in readers):
            groups[name] = readers
    return groups


def _own_product(model: onnx.ModelProto, node: onnx.NodeProto, name: str, matrices: set[str]) -> bool:
    """Tell whether a node is `x W` of this input, W a constant that no other node reads."""
    if node.op_type != "MatMul" or node.input[0] != name or node.input[1] not in matrices:
        return False
    return sum(list(other.input).count(node.input[1]) for other in model.graph.node) == 1
