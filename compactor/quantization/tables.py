"""Lookup tables in 8 bits: rows are looked up as int8 and only then turned into float."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper


def quantize_tables(model: onnx.ModelProto, gathers: Sequence[str]) -> None:
    """Quantize the tables of some Gather nodes in place, symmetric, one scale a table.

    In QDQ form onnxruntime would turn the whole table into float for each answer; DequantizeLinear after the lookup touches only the
    rows of the text. Several lookups in one table share it.

    Args:
        model: fp32 tables, or ones quantized by an earlier call.
        gathers: names of Gather nodes whose first input is a float initializer (rows, width).
    """
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.name not in gathers:
            nodes.append(node)
            continue
        table = node.input[0]
        if f"{table}_quantized" not in weights:
            for tensor in _quantized(weights[table]):
                weights[tensor.name] = graph.initializer.add()
                weights[tensor.name].CopyFrom(tensor)
        rows = f"{node.output[0]}_quantized"
        lookup = helper.make_node("Gather", [f"{table}_quantized", node.input[1]], [rows], node.name)
        lookup.attribute.extend(node.attribute)
        pieces = [rows, f"{table}_scale", f"{table}_zero_point"]
        nodes += [lookup, helper.make_node("DequantizeLinear", pieces, list(node.output), f"{node.name}_DequantizeLinear")]
    rebuilt = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(rebuilt)


def _quantized(table: onnx.TensorProto) -> list[onnx.TensorProto]:
    """Return values int8 in -127..127, scale float32 and zero point 0 of a float table."""
    values = numpy_helper.to_array(table)
    largest = float(np.abs(values).max(initial=0)) or 1.0  # a table of zeros stays one
    scale = np.array(largest / 127, dtype=np.float32)
    int8 = np.clip(np.rint(values / scale), -127, 127).astype(np.int8)
    named = (("quantized", int8), ("scale", scale), ("zero_point", np.array(0, dtype=np.int8)))
    return [numpy_helper.from_array(array, f"{table.name}_{ending}") for ending, array in named]
