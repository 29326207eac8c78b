"""Small tensors that an exported graph computes from constants alone, such as the amounts of a Pad: computed once, here."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

# A transposed weight stays where it is: folding it would only move its bytes.
LARGEST_BYTES = 1024


def fold_constants(graph: onnx.GraphProto, opsets: list[onnx.OperatorSetIdProto]) -> int:
    """Replace nodes whose inputs are all small constants by what they give, in place; return how many there were.

    onnxruntime does the same when it loads a graph; other readers of the file need not.

    Args:
        graph: its constants are initializers.
        opsets: of the model, so that operators mean what they mean there.
    """
    known = {tensor.name: tensor for tensor in graph.initializer if _size(tensor) <= LARGEST_BYTES}
    fixed = {value.name for value in graph.output} | {value.name for value in graph.input}
    gone: list[int] = []
    for index, node in enumerate(graph.node):
        if not _foldable(node, known, fixed):
            continue
        results = _computed(node, [known[name] for name in node.input if name], opsets)
        if sum(value.nbytes for value in results) > LARGEST_BYTES:
            continue
        for name, value in zip(node.output, results, strict=True):
            known[name] = graph.initializer.add()
            known[name].CopyFrom(numpy_helper.from_array(value, name))
        gone.append(index)
    for index in reversed(gone):
        del graph.node[index]
    return len(gone)


def _computed(node: onnx.NodeProto, given: list[onnx.TensorProto], opsets: list[onnx.OperatorSetIdProto]) -> list[np.ndarray]:
    """Run one node on constants."""
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output]
    model = helper.make_model(helper.make_graph([node], "one", [], outputs, given), opset_imports=opsets)
    return [np.asarray(value) for value in ReferenceEvaluator(model).run(None, {})]


def _foldable(node: onnx.NodeProto, known: dict[str, onnx.TensorProto], fixed: set[str]) -> bool:
    """Whether a node is plain, reads constants alone, reads at least one, and makes no output of the graph."""
    plain = not node.domain and not any(attribute.HasField("g") for attribute in node.attribute)
    reads = [name for name in node.input if name]
    chance = node.op_type.startswith("Random") or node.op_type in {"Bernoulli", "Multinomial", "Dropout"}
    return plain and not chance and bool(reads) and all(name in known for name in reads) and not fixed & set(node.output)


def _size(tensor: onnx.TensorProto) -> int:
    return int(np.prod(tensor.dims, dtype=np.int64)) * 8
