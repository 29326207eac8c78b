"""Input channels of products divided by a scale and their weights multiplied by it: the same function, easier to quantize."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def scale_inputs(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], scales: np.ndarray) -> str:
    """Scale the shared input of some MatMul nodes, in place; return `folded` or `multiplied`.

    Where the input is a norm's output that nobody else reads (a pre-norm model), the division goes into its gain and bias.
    Elsewhere, as behind a norm whose output is a residual too (BERT), a Mul is put before the products.

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
    vectors = norm_vectors(model).get(source, [])
    readers = sum(list(node.input).count(source) for node in model.graph.node)
    alone = readers == len(nodes) and source not in {value.name for value in model.graph.output}
    if vectors and alone:
        for number, (node, place) in enumerate(vectors, 1):  # a gain or bias of its own, for the case that norms share it
            own = f"{source}_norm_{number}"
            divided = (numpy_helper.to_array(weights[node.input[place]]) / scales).astype(np.float32)
            model.graph.initializer.append(numpy_helper.from_array(divided, own))
            node.input[place] = own
        return "folded"
    factor, output = f"{source}_scale", f"{source}_scaled"
    model.graph.initializer.append(numpy_helper.from_array((1 / scales).astype(np.float32), factor))
    at = next(index for index, node in enumerate(model.graph.node) if node.name == nodes[0].name)
    for node in nodes:
        node.input[0] = output
    model.graph.node.insert(at, helper.make_node("Mul", [source, factor], [output], f"{nodes[0].name}_Scale"))
    return "multiplied"


def norm_vectors(model: onnx.ModelProto) -> dict[str, list[tuple[onnx.NodeProto, int]]]:
    """Return the gain and bias of each norm by its output, as the nodes that read them and the places of these inputs.

    A norm is a LayerNormalization; or what exporters write for an RMSNorm, and before opset 17 for every norm: a product with a gain,
    and a sum of that with a bias. What comes before the gain does not matter: dividing both divides the output.
    """
    graph = model.graph
    vectors = {t.name for t in graph.initializer if t.data_type == TensorProto.FLOAT and len(t.dims) == 1 and t.dims[0] > 1}
    read = Counter([*(name for node in graph.node for name in node.input), *(value.name for value in graph.output)])
    found: dict[str, list[tuple[onnx.NodeProto, int]]] = {}
    gained: set[str] = set()
    for node in graph.node:
        if node.op_type == "LayerNormalization" and all(name in vectors for name in node.input[1:]):
            found[node.output[0]] = [(node, place) for place in range(1, len(node.input))]
        places = [place for place, name in enumerate(node.input) if name in vectors]
        if node.op_type not in {"Mul", "Add"} or len(places) != 1:
            continue
        (place,), other = places, node.input[1 - places[0]]
        if node.op_type == "Mul":
            found[node.output[0]] = [(node, place)]
            gained.add(node.output[0])
        elif other in gained and read[other] == 1:
            found[node.output[0]] = [*found[other], (node, place)]
    return found
