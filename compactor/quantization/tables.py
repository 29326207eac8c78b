"""Lookup tables in 8 or 4 bits: rows are looked up as whole numbers and only then turned into float."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from compactor.quantization.blocks import round_to_nearest
from compactor.quantization.custom import add_parts, become, import_domain

TABLE_BITS = 4  # at least: a table has no sum over its columns in which errors would cancel


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


def put_tables(model: onnx.ModelProto, gathers: Sequence[str], bits: int, block: int | None) -> int:
    """Quantize the tables of some Gather nodes in place, in blocks along the columns, each with a scale and a zero point.

    Args:
        model: fp32 tables.
        gathers: names of Gather nodes whose first input is a float initializer (rows, width).
        bits: 4 or 8.
        block: columns of a row that share a scale; a table whose width is no multiple of it, and each without a block, gets int8.

    Returns:
        How many parameters the tables have.
    """
    tables = {node.input[0] for node in model.graph.node if node.name in gathers}
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.name in tables}
    fitting = {name: array for name, array in arrays.items() if block and array.shape[1] % block == 0}
    for name, array in fitting.items():
        assert block
        blocks = round_to_nearest(array, bits, block)
        codes = blocks.packed_codes().reshape(len(array), -1)
        add_parts(model, name, {"codes": codes, "block_scales": blocks.scales, "zeros": blocks.packed_zeros()})
    for node in model.graph.node:
        if node.name in gathers and node.input[0] in fitting:
            table, indices = node.input[:2]
            inputs = [f"{table}_codes", indices, f"{table}_block_scales", f"{table}_zeros"]
            attributes = {"bits": bits, "block_size": block or 0, "gather_axis": 0, "quantize_axis": 1}
            become(node, "GatherBlockQuantized", inputs, attributes)
    if fitting:
        import_domain(model)
    quantize_tables(model, [node.name for node in model.graph.node if node.name in gathers and node.op_type == "Gather"])
    return sum(array.size for array in arrays.values())


def _quantized(table: onnx.TensorProto) -> list[onnx.TensorProto]:
    """Return values int8 in -127..127, scale float32 and zero point 0 of a float table."""
    values = numpy_helper.to_array(table)
    largest = float(np.abs(values).max(initial=0)) or 1.0  # a table of zeros stays one
    scale = np.array(largest / 127, dtype=np.float32)
    int8 = np.clip(np.rint(values / scale), -127, 127).astype(np.int8)
    named = (("quantized", int8), ("scale", scale), ("zero_point", np.array(0, dtype=np.int8)))
    return [numpy_helper.from_array(array, f"{table.name}_{ending}") for ending, array in named]
