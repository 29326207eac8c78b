"""Tidy an exported graph: constants shared, names that tell, nothing volatile, the oldest IR version that holds the opset."""

from __future__ import annotations

import ast
import hashlib
import math
from collections import Counter

import onnx
from onnx import TensorProto, helper, numpy_helper

from compactor.exporting.constants import fold_constants

SCOPE = "model"  # attribute of the traced module under which the whole model lies
DYNAMO_SCOPES = "pkg.torch.onnx.name_scopes"


def tidy(model: onnx.ModelProto) -> dict[str, int]:
    """Clean a graph in place; its answers do not change, and the same model always gives the same bytes.

    Returns:
        `duplicate_initializers` (tensors that were there more than once) and `duplicate_bytes`.
    """
    graph = model.graph
    _constants_to_initializers(graph)
    _drop_identities(graph)
    fold_constants(graph, list(model.opset_import))
    duplicates = _share_initializers(graph)
    _name_nodes(graph)
    _name_weights(graph)
    _strip(model)
    model.ir_version = helper.find_min_ir_version_for(list(model.opset_import))
    return duplicates


def operator_counts(model: onnx.ModelProto) -> dict[str, int]:
    """Count the nodes by operator, the most frequent first."""
    counts = Counter(node.op_type for node in model.graph.node)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def parameter_count(model: onnx.ModelProto) -> int:
    """Count the float values in initializers."""
    floats = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16}
    return sum(math.prod(tensor.dims) for tensor in model.graph.initializer if tensor.data_type in floats)


def _constants_to_initializers(graph: onnx.GraphProto) -> None:
    """Turn Constant nodes into initializers, which can be shared."""
    outputs = _output_names(graph)
    gone = []
    for index, node in enumerate(graph.node):
        if node.op_type != "Constant" or node.output[0] in outputs or node.attribute[0].name != "value":
            continue
        tensor = graph.initializer.add()
        tensor.CopyFrom(node.attribute[0].t)
        tensor.name = node.output[0]
        gone.append(index)
    for index in reversed(gone):
        del graph.node[index]


def _drop_identities(graph: onnx.GraphProto) -> None:
    """Remove Identity nodes, except one that makes a graph output."""
    outputs = _output_names(graph)
    renamed: dict[str, str] = {}
    gone = []
    for index, node in enumerate(graph.node):
        if node.op_type == "Identity" and node.output[0] not in outputs:
            renamed[node.output[0]] = renamed.get(node.input[0], node.input[0])
            gone.append(index)
    for index in reversed(gone):
        del graph.node[index]
    _rename_inputs(graph, renamed)


def _share_initializers(graph: onnx.GraphProto) -> dict[str, int]:
    """Keep one of several equal initializers, such as tied weights or the same shape constant in every layer; drop unused ones."""
    used = {name for node in graph.node for name in node.input} | _output_names(graph)
    first: dict[tuple[int, tuple[int, ...], str], str] = {}
    renamed: dict[str, str] = {}
    gone, duplicate_bytes = [], 0
    for index, tensor in enumerate(graph.initializer):
        if tensor.name not in used:
            gone.append(index)
            continue
        # through numpy: the same values may be kept as raw or as typed data
        content = numpy_helper.to_array(tensor).tobytes()
        key = (tensor.data_type, tuple(tensor.dims), hashlib.sha256(content).hexdigest())
        if key in first:
            renamed[tensor.name] = first[key]
            duplicate_bytes += len(content)
            gone.append(index)
        else:
            first[key] = tensor.name
    for index in reversed(gone):
        del graph.initializer[index]
    _rename_inputs(graph, renamed)
    return {"duplicate_initializers": len(renamed), "duplicate_bytes": duplicate_bytes}


def _name_nodes(graph: onnx.GraphProto) -> None:
    """Name each node by its module and operator, `/bert/encoder/layer.0/output/dense/MatMul`, whichever exporter wrote it."""
    taken: set[str] = set()
    for node in graph.node:
        scopes = next((entry.value for entry in node.metadata_props if entry.key == DYNAMO_SCOPES), None)
        parts = _module_path(scopes) if scopes else node.name.strip("/").split("/")[:-1]
        if parts[:1] == [SCOPE]:
            parts = parts[1:]
        node.name = _free_name("/" + "/".join([*parts, node.op_type]), taken)
    _name_values(graph)


def _name_values(graph: onnx.GraphProto) -> None:
    """Name what a node makes after the node, and constants by number; inputs, outputs and weights keep their names."""
    fixed = _output_names(graph) | {value.name for value in graph.input}
    renamed = {
        name: f"{node.name}:{position}"
        for node in graph.node
        for position, name in enumerate(node.output)
        if name and name not in fixed
    }
    anonymous = [tensor for tensor in graph.initializer if tensor.name.startswith(("/", "onnx::")) and not _is_matrix(tensor)]
    renamed |= {tensor.name: f"constant_{number}" for number, tensor in enumerate(anonymous)}
    for node in graph.node:
        for position, name in enumerate(node.output):
            node.output[position] = renamed.get(name, name)
    for tensor in anonymous:
        tensor.name = renamed[tensor.name]
    _rename_inputs(graph, renamed)


def _module_path(scopes: str) -> list[str]:
    """Turn dynamo's list of nested scopes into steps: `['', 'model', 'model.bert', 'add']` → `['model', 'bert']`."""
    steps, before = [], ""
    for scope in ast.literal_eval(scopes)[1:-1]:
        steps.append(scope.removeprefix(before + "."))
        before = scope
    return steps


def _name_weights(graph: onnx.GraphProto) -> None:
    """Name matrices that lost their name after the node that uses them, and drop the wrapper's scope: `bert.pooler.dense.weight`."""
    taken = {tensor.name for tensor in graph.initializer}
    lost = {tensor.name for tensor in graph.initializer if not tensor.name.startswith(f"{SCOPE}.") and _is_matrix(tensor)}
    names: dict[str, str] = {}
    for node in graph.node:
        scope = node.name.strip("/").split("/")[:-1]
        for name in node.input:
            if name in lost and name not in names and scope:
                names[name] = _free_name(".".join([*scope, "weight"]), taken)
    for tensor in graph.initializer:
        name = names.get(tensor.name, tensor.name)
        if name.startswith(f"{SCOPE}."):
            names[tensor.name] = _free_name(name.removeprefix(f"{SCOPE}."), taken)
    for tensor in graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)
    _rename_inputs(graph, names)


def _free_name(name: str, taken: set[str]) -> str:
    """Return the name, numbered if it is taken, and take it."""
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    taken.add(candidate)
    return candidate


def _strip(model: onnx.ModelProto) -> None:
    """Remove stack traces, paths and versions, which differ from one machine or run to another."""
    model.producer_name, model.producer_version = "compactor", ""
    model.doc_string = ""
    graph = model.graph
    graph.doc_string = ""
    graph.name = "main"
    del graph.value_info[:]  # shapes that the exporter guessed; the quantizer trips over them
    del model.metadata_props[:]
    del graph.metadata_props[:]
    for item in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        item.doc_string = ""
        del item.metadata_props[:]


def _is_matrix(tensor: TensorProto) -> bool:
    return tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1


def _output_names(graph: onnx.GraphProto) -> set[str]:
    return {value.name for value in graph.output}


def _rename_inputs(graph: onnx.GraphProto, renamed: dict[str, str]) -> None:
    for node in graph.node:
        for position, name in enumerate(node.input):
            if name in renamed:
                node.input[position] = renamed[name]
