"""bfloat16: half the size with the range of float32, so that nothing overflows; for providers with kernels, which the processor's lacks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compactor.quantization.folder import write_folder
from compactor.quantization.graph import drop_unused, float_outputs, load_float, strip
from compactor.quantization.half import half_facts, kept_names

BFLOAT16 = "tensor(bfloat16)"
LARGEST = 3.3895313892515355e38  # a little below float32's: a mask's constant must not become infinite


def convert_bf16(source: Path, folder: Path, *, keep: Sequence[str] = ()) -> dict[str, Any]:
    """Convert an fp32 ONNX folder to bfloat16; inputs and outputs of the graph stay as they were.

    onnxruntime has no converter for it. Every float32 tensor becomes bfloat16, and nodes whose operator has no bfloat16 in its
    definition (ONNX's type constraints at this opset) stay in float32 between casts, as those in `keep` do.

    Args:
        source: ONNX folder in fp32.
        folder: is filled.
        keep: patterns of node names to leave in float32.

    Returns:
        `bfloat16_parameters`, `float_parameters`, `kept_nodes`, `size_bytes`, `seconds`.

    Raises:
        StageError: Q101 no weight changed, Q102 quantized already, Q105 a pattern fits nothing.
    """
    begun = time.perf_counter()
    model = load_float(source)
    opset = next(each.version for each in model.opset_import if each.domain == "")
    named = kept_names(model, keep)
    kept = [node.name for node in model.graph.node if node.name in named or not _has_bfloat16(node, opset)]
    _convert(model, set(kept))
    strip(model)
    facts = half_facts(model, TensorProto.BFLOAT16)
    size_bytes = write_folder(model, source, folder, precision="bf16")
    return {**facts, "kept_nodes": named, "size_bytes": size_bytes, "seconds": round(time.perf_counter() - begun, 3)}


def _has_bfloat16(node: onnx.NodeProto, opset: int) -> bool:
    """Whether the operator's definition lets its float inputs be bfloat16; one that is not ONNX's own is left alone."""
    if node.domain not in {"", "ai.onnx"}:
        return False
    schema = onnx.defs.get_schema(node.op_type, opset)
    kinds = {each.type_param_str: set(each.allowed_type_strs) for each in schema.type_constraints}
    floats = [kinds[port.type_str] for port in schema.inputs if "tensor(float)" in kinds.get(port.type_str, ())]
    return all(BFLOAT16 in kind for kind in floats)


def _convert(model: onnx.ModelProto, kept: set[str]) -> None:
    """Rewrite the graph in place: constants, the kinds that nodes name, and casts around the nodes that stay."""
    graph = model.graph
    floats = {*float_outputs(model), *(t.name for t in graph.initializer if t.data_type == TensorProto.FLOAT)}
    outputs = {value.name for value in graph.output} & floats
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for name in floats & constants.keys():
        if any(name in node.input and node.name not in kept for node in graph.node):
            short = numpy_helper.from_array(_short(numpy_helper.to_array(constants[name])), f"{name}_bf16")
            graph.initializer.append(short)
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes += _kept_node(node, floats, constants) if node.name in kept else [_short_node(node, floats)]
    nodes += [
        helper.make_node("Cast", [f"{name}_bf16"], [name], f"{name}_to_fp32", to=TensorProto.FLOAT) for name in sorted(outputs)
    ]
    rebuilt = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(rebuilt)
    drop_unused(graph)


def _short_node(node: onnx.NodeProto, floats: set[str]) -> onnx.NodeProto:
    """Return a node that computes in bfloat16."""
    short = onnx.NodeProto()
    short.CopyFrom(node)
    for names in (short.input, short.output):
        for at, name in enumerate(names):
            names[at] = f"{name}_bf16" if name in floats else name
    for attribute in short.attribute:
        if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
            attribute.i = TensorProto.BFLOAT16
        elif attribute.type == onnx.AttributeProto.TENSOR and attribute.t.data_type == TensorProto.FLOAT:
            attribute.t.CopyFrom(numpy_helper.from_array(_short(numpy_helper.to_array(attribute.t)), attribute.t.name))
    return short


def _kept_node(node: onnx.NodeProto, floats: set[str], constants: dict[str, onnx.TensorProto]) -> Iterator[onnx.NodeProto]:
    """Yield a node that stays in float32, and the casts around it."""
    same = onnx.NodeProto()
    same.CopyFrom(node)
    for at, name in enumerate(node.input):
        if name in floats and name not in constants:
            same.input[at] = f"{node.name}_input_{at}"
            yield helper.make_node("Cast", [f"{name}_bf16"], [same.input[at]], f"{same.input[at]}_cast", to=TensorProto.FLOAT)
    after = [name for name in node.output if name in floats]
    for at, name in enumerate(node.output):
        if name in after:
            same.output[at] = f"{name}_fp32"
    yield same
    for name in after:
        yield helper.make_node("Cast", [f"{name}_fp32"], [f"{name}_bf16"], f"{name}_to_bf16", to=TensorProto.BFLOAT16)


def _short(values: np.ndarray) -> np.ndarray:
    """Return values rounded to bfloat16, half to even."""
    import ml_dtypes  # comes with onnx

    short: np.ndarray = np.clip(values, -LARGEST, LARGEST).astype(ml_dtypes.bfloat16)
    return short
