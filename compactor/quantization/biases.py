"""Bias correction: what quantization shifts a product by, on average, is taken off its bias."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from compactor.quantization.graph import PRODUCTS, drop_unused
from compactor.quantization.observing import levels, observe

Batches = Sequence[dict[str, np.ndarray]]


def correct_biases(
    quantized: onnx.ModelProto, source: onnx.ModelProto, products: Sequence[str], batches: Batches, place: Path
) -> int:
    """Add E[y - y'] to the bias of each product, in place; return how many were corrected.

    y is the product in the float graph and y' the same tensor in the quantized one, both on the same rows, the mean taken over rows and
    positions for each output channel. Products are corrected from the input on, each one behind products that are corrected
    already, so that the means of the answers agree in the end: Nagel et al., "Data-Free Quantization through Weight
    Equalization and Bias Correction" (2019), section 4.2, the empirical form. A product without a constant bias is passed over.

    Args:
        quantized: in QDQ form; its products bear their old names and outputs.
        source: the float graph it was made from.
        products: names of the quantized nodes.
        batches: inputs by name, read once for each depth of the graph.
        place: folder for graphs.
    """
    places = {node.output[0]: bias for node in quantized.graph.node if node.name in products for bias in _bias(quantized, node)}
    if not places:
        return 0
    expected = _means(source, list(places), batches, place)
    for names in levels(quantized, list(places)):
        for name, found in _means(quantized, names, batches, place).items():
            _shift(quantized, places[name], expected[name] - found)
    drop_unused(quantized.graph)
    return len(places)


def _means(model: onnx.ModelProto, names: Sequence[str], batches: Batches, place: Path) -> dict[str, np.ndarray]:
    """Return the mean of each tensor over all axes but the last, float64."""
    sums: dict[str, np.ndarray] = {}
    counts = dict.fromkeys(names, 0)
    for found in observe(model, names, batches, place):
        for name, values in zip(names, found, strict=True):
            rows = values.reshape(-1, values.shape[-1]).astype(np.float64)
            sums[name] = sums.get(name, 0) + rows.sum(axis=0)
            counts[name] += len(rows)
    return {name: sums[name] / counts[name] for name in names}


def _bias(model: onnx.ModelProto, node: onnx.NodeProto) -> list[tuple[onnx.NodeProto, int]]:
    """Return the node and input that hold a product's bias alone: of a float Add, a float Gemm, or a DequantizeLinear; else nothing."""
    constants = {tensor.name: tensor.data_type for tensor in model.graph.initializer if len(tensor.dims) == 1}
    if node.op_type == "Gemm" and len(node.input) > 2 and node.input[2]:
        if constants.get(node.input[2]) == TensorProto.FLOAT:
            return [(node, 2)]
        makers = [each for each in model.graph.node if node.input[2] in each.output and each.op_type == "DequantizeLinear"]
        readers = [each for each in model.graph.node if node.input[2] in each.input]
        alone = len(readers) == 1 and makers and constants.get(makers[0].input[0]) == TensorProto.INT32
        return [(makers[0], 0)] if alone else []
    readers = [each for each in model.graph.node if node.output[0] in each.input]
    if node.op_type not in PRODUCTS or len(readers) != 1 or readers[0].op_type != "Add":
        return []
    return [(readers[0], at) for at, name in enumerate(readers[0].input) if constants.get(name) == TensorProto.FLOAT]


def _shift(model: onnx.ModelProto, place: tuple[onnx.NodeProto, int], shift: np.ndarray) -> None:
    """Give a node a bias of its own, moved by `shift`."""
    node, at = place
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.name in node.input}
    old = constants[node.input[at]]
    if old.dtype == np.int32:
        new = (old + np.rint(shift / constants[node.input[1]].astype(np.float64))).astype(np.int32)
    else:
        new = (old + shift).astype(old.dtype)
    name = f"{node.output[0]}_corrected_bias"
    model.graph.initializer.append(numpy_helper.from_array(new, name))
    node.input[at] = name
