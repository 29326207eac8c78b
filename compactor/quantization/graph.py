"""Before and after quantization: which nodes hold weights, a graph the quantizer takes, what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compactor.base.errors import StageError
from compactor.quantization.custom import DOMAIN

QUANTIZED_OPERATORS = frozenset(
    (
        "MatMulInteger",
        "DynamicQuantizeLinear",
        "QuantizeLinear",
        "DequantizeLinear",
        "QLinearMatMul",
        "MatMulNBits",
        "MatMulBnb4",
        "GatherBlockQuantized",
    )
)
PRODUCTS = frozenset(("MatMul", "Gemm"))
BYTES = frozenset((TensorProto.INT8, TensorProto.UINT8))
# What stands for a table in 4 bits, and is none of its parameters: scales and zero points, and two weights in each byte of codes.
OF_BLOCKS = ("_block_scales", "_zeros", "_codes")


@dataclass(frozen=True)
class Chosen:
    """Names of the nodes to quantize, and of those with weights that stay in float because a pattern says so."""

    products: tuple[str, ...]
    tables: tuple[str, ...]
    kept: tuple[str, ...]


def load_float(source: Path) -> onnx.ModelProto:
    """Read `model.onnx` of an ONNX folder, without guessed shapes, which the quantizers trip over.

    Raises:
        StageError: Q102 it is quantized already, Q126 it has operators of onnxruntime's own, whose weights would stay in float.
    """
    model = onnx.load(str(source / "model.onnx"))
    found = {node.op_type for node in model.graph.node} & QUANTIZED_OPERATORS
    halves = {TensorProto.FLOAT16, TensorProto.BFLOAT16}
    found |= {"16-bit weights" for tensor in model.graph.initializer if tensor.data_type in halves}
    if found:
        sentence = f"the model is quantized already ({', '.join(sorted(found))})"
        raise StageError("Q102", sentence, "quantize once, and from the fp32 export")
    if own := sorted({node.op_type for node in model.graph.node if node.domain == DOMAIN}):
        sentence = f"the model is fused: it has operators of onnxruntime's own ({', '.join(own)})"
        raise StageError("Q126", sentence, "leave fuse out, and quantize the graph that export wrote")
    del model.graph.value_info[:]
    return model


def split_gemms(model: onnx.ModelProto) -> None:
    """Turn Gemm with constant weights into MatMul and Add, in place: onnxruntime's dynamic quantization passes over Gemm."""
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes = []
    for node in graph.node:
        nodes += _split_gemm(node, weights, graph) if node.op_type == "Gemm" else [node]
    rebuilt = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(rebuilt)
    drop_unused(graph)


def choose(model: onnx.ModelProto, *, embeddings: bool, keep: Sequence[str]) -> Chosen:
    """Choose the nodes that hold weights: MatMul and Gemm with a constant matrix and, if wanted, Gather from a constant table.

    Args:
        model: in fp32.
        embeddings: quantize the tables too.
        keep: patterns of node names to leave in float, as in a shell, `*classifier*`, or the names themselves.

    Raises:
        StageError: a pattern fits no node, or nothing is left to quantize.
    """
    matrices = {t.name for t in model.graph.initializer if t.data_type == TensorProto.FLOAT and len(t.dims) == 2}
    products = [node.name for node in model.graph.node if node.op_type in PRODUCTS and node.input[1] in matrices]
    tables = [node.name for node in model.graph.node if node.op_type == "Gather" and node.input[0] in matrices]
    for pattern in keep:
        if not any(fits(name, pattern) for name in products + tables):
            example = (products or ["none"])[0]
            raise StageError(
                "Q105", f"keep: {pattern} fits no node with weights", f"names look like {example}; * stands for any part"
            )
    kept = [name for name in products + tables if any(fits(name, pattern) for pattern in keep)]
    chosen = Chosen(
        products=tuple(name for name in products if name not in kept),
        tables=tuple(name for name in tables if name not in kept) if embeddings else (),
        kept=tuple(kept) if embeddings else tuple(kept) + tuple(name for name in tables if name not in kept),
    )
    if not chosen.products and not chosen.tables:
        sentence = (
            f"quantize would change nothing: of {len(products)} products and {len(tables)} tables with weights none is left"
        )
        raise StageError("Q101", sentence, "shorten keep, or leave quantize out")
    return chosen


def fits(name: str, pattern: str) -> bool:
    """Tell whether a node is meant: by its very name, which may have brackets in it, or by a pattern."""
    return name == pattern or fnmatch(name, pattern)


def account(model: onnx.ModelProto, chosen: Chosen) -> dict[str, Any]:
    """Say what became of the weights.

    Returns:
        `quantized_nodes`, `kept_nodes` (names), `int8_parameters`, `four_bit_parameters` (of tables, if any), `float_parameters`,
        `operators` (counts of the quantizing ones).

    Raises:
        StageError: no weight, or not every chosen one, has few bits now.
    """
    counts = Counter(node.op_type for node in model.graph.node)
    sizes = {tensor.name: (tensor.data_type, int(np.prod(tensor.dims, dtype=np.int64))) for tensor in model.graph.initializer}
    int8 = sum(size for name, (kind, size) in sizes.items() if kind in BYTES and not name.endswith(("_zero_point", *OF_BLOCKS)))
    codes = sum(size for name, (_, size) in sizes.items() if name.endswith("_codes"))
    wanted = len(chosen.products) + len(chosen.tables)
    if not int8 and not codes:
        raise StageError(
            "Q101", "quantize changed nothing: no weight has 8 bits", "leave quantize out, or export the model again"
        )
    chosen_names = {*chosen.products, *chosen.tables}
    left = [
        node.name
        for node in model.graph.node
        if node.name in chosen_names and sizes.get(node.input[node.op_type in PRODUCTS], (0, 0))[0] == TensorProto.FLOAT
    ]
    if left:
        raise StageError("Q101", f"{len(left)} of {wanted} nodes were passed over, {left[0]} for one", "name it in keep")
    return {
        "quantized_nodes": wanted,
        "kept_nodes": list(chosen.kept),
        "int8_parameters": int8,
        **({"four_bit_parameters": 2 * codes} if codes else {}),
        "float_parameters": sum(
            size for name, (kind, size) in sizes.items() if kind == TensorProto.FLOAT and not name.endswith(OF_BLOCKS)
        ),
        "operators": {name: counts[name] for name in sorted(QUANTIZED_OPERATORS & counts.keys())},
    }


def float_outputs(model: onnx.ModelProto) -> list[str]:
    """Return the names of the float32 tensors that nodes give, as far as shape inference knows their type."""
    inferred = onnx.shape_inference.infer_shapes(model).graph
    kinds = {value.name: value.type.tensor_type.elem_type for value in (*inferred.value_info, *inferred.output)}
    return [name for node in model.graph.node for name in node.output if kinds.get(name) == TensorProto.FLOAT]


def put_in_order(graph: onnx.GraphProto) -> None:
    """Put nodes behind those whose outputs they read, as ONNX asks, each as early as it can stand; nodes in order stay as they are."""
    if _in_order(graph):
        return
    waiting = [onnx.NodeProto.FromString(node.SerializeToString()) for node in graph.node]
    made = {name for node in waiting for name in node.output}
    del graph.node[:]
    while waiting:
        ready = [node for node in waiting if not made.intersection(node.input)]
        if not ready:
            raise ValueError("the graph has a cycle")
        graph.node.extend(ready)
        made.difference_update(name for node in ready for name in node.output)
        done = {id(node) for node in ready}
        waiting = [node for node in waiting if id(node) not in done]


def _in_order(graph: onnx.GraphProto) -> bool:
    to_come = {name for node in graph.node for name in node.output}
    for node in graph.node:
        if to_come.intersection(node.input):
            return False
        to_come.difference_update(node.output)
    return True


def drop_unused(graph: onnx.GraphProto) -> None:
    """Remove initializers that no node reads."""
    used = {name for node in graph.node for name in node.input}
    for index in reversed([index for index, tensor in enumerate(graph.initializer) if tensor.name not in used]):
        del graph.initializer[index]


def strip(model: onnx.ModelProto) -> None:
    """Remove what the quantizer leaves beside the graph: its name and version, marks, guessed shapes, domains that no node uses."""
    model.producer_name, model.producer_version = "compactor", ""
    del model.metadata_props[:]
    del model.graph.value_info[:]
    domains = {node.domain for node in model.graph.node} | {""}
    for index in reversed([i for i, opset in enumerate(model.opset_import) if opset.domain not in domains]):
        del model.opset_import[index]
    drop_unused(model.graph)


def _split_gemm(node: onnx.NodeProto, weights: dict[str, TensorProto], graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Return MatMul and Add for a Gemm that is `x W + b` with constant W, else the Gemm itself."""
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    plain = attributes.get("alpha", 1.0) == 1.0 and attributes.get("beta", 1.0) == 1.0 and not attributes.get("transA", 0)
    if not plain or node.input[1] not in weights:
        return [node]
    name, matrix = node.input[1], node.input[1]
    if attributes.get("transB", 0):
        matrix = f"{name}_transposed"
        if matrix not in weights:
            values = np.ascontiguousarray(numpy_helper.to_array(weights[name]).T)
            weights[matrix] = graph.initializer.add()
            weights[matrix].CopyFrom(numpy_helper.from_array(values, matrix))
    stem = node.name.removesuffix("/Gemm")
    if len(node.input) < 3 or not node.input[2]:
        return [helper.make_node("MatMul", [node.input[0], matrix], list(node.output), f"{stem}/MatMul")]
    product = f"{node.output[0]}_product"
    return [
        helper.make_node("MatMul", [node.input[0], matrix], [product], f"{stem}/MatMul"),
        helper.make_node("Add", [product, node.input[2]], list(node.output), f"{stem}/Add"),
    ]
