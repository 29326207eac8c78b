"""Input channels of products divided by a scale and their weights multiplied by it: the same function, easier to quantize."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper


def scale_inputs(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], scales: np.ndarray) -> str:
    """Scale the shared input of some MatMul nodes, in place; return `folded` or `multiplied`.

    Where the input is a layer norm's output that nobody else reads (a pre-norm model), the division goes into its gain and bias.
    Elsewhere, as behind a layer norm whose output is a residual too (BERT), a Mul is put before the products.

    Args:
        model: its weights are changed.
        nodes: of the model, all that read the input and are to be scaled; each matrix (columns, outputs) is read by them alone.
        scales: float32 (columns,), positive.
    """
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    for name in dict.fromkeys(node.input[1] for node in nodes):
        scaled = numpy_helper.to_array(weights[name]) * scales[:, None]
        weights[name].CopyFrom(numpy_helper.from_array(scaled.astype(np.float32), name))
    source = nodes[0].input[0]
    norm = next((node for node in model.graph.node if source in node.output and node.op_type == "LayerNormalization"), None)
    readers = sum(list(node.input).count(source) for node in model.graph.node)
    alone = readers == len(nodes) and source not in {value.name for value in model.graph.output}
    if norm is not None and alone and all(name in weights for name in norm.input[1:]):
        for at, name in enumerate(norm.input[1:], 1):  # a gain or bias of its own, for the case that norms share it
            own = f"{source}_norm_{at}"
            divided = (numpy_helper.to_array(weights[name]) / scales).astype(np.float32)
            model.graph.initializer.append(numpy_helper.from_array(divided, own))
            norm.input[at] = own
        return "folded"
    factor, output = f"{source}_scale", f"{source}_scaled"
    model.graph.initializer.append(numpy_helper.from_array((1 / scales).astype(np.float32), factor))
    at = next(index for index, node in enumerate(model.graph.node) if node.name == nodes[0].name)
    for node in nodes:
        node.input[0] = output
    model.graph.node.insert(at, helper.make_node("Mul", [source, factor], [output], f"{nodes[0].name}_Scale"))
    return "multiplied"
