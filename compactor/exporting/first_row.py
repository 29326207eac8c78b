"""A head that reads the first token alone leaves most of the last layer unread: what is unread is not computed.

A classifier on the first token takes one row of the last layer's output. Keys and values need every token; the query, the attention, the
feed-forward part and the norms need the first one only. The graph is cut down to it: the same sums, fewer of them. In a student of
three layers that is a quarter of the multiplications, in one of six an eighth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from compactor.exporting.probes import Values, values_of

# How many dimensions and of what size a value has, in each probe.
Shapes = dict[str, list[tuple[int, ...]]]
Constants = dict[str, onnx.TensorProto]
ALL = -1  # a node wants the whole of a value, not its first row along an axis

ALONE = {"Cast", "Erf", "Gelu", "Identity", "Neg", "Reciprocal", "Relu", "Sigmoid", "Sqrt", "Tanh"}
TOGETHER = {"Add", "Div", "Mul", "Pow", "Sub"}


def keep_first_row(model: onnx.ModelProto, feeds: list[Values]) -> int:
    """Cut a graph down to the first row where nothing else is read, in place; it computes the same.

    Args:
        model: fp32 graph, constants as initializers.
        feeds: inputs of several shapes, different in every dimension.

    Returns:
        How many products of matrices are of one row now.

    Raises:
        StageError: X111 onnxruntime cannot run the graph.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    branches = any(found.HasField("g") for node in graph.node for found in node.attribute)  # whose reading is not seen here
    if branches or not any(_reads_first(node, constants) for node in graph.node):
        return 0
    demands, narrow = _demands(graph, _shapes(model, feeds), constants)
    done = [node for node in graph.node if node.op_type == "MatMul" and node.output[0] in narrow]
    if done:
        _slice_where_it_begins(graph, demands, narrow)
    return len(done)


def _shapes(model: onnx.ModelProto, feeds: list[Values]) -> Shapes:
    found = values_of(model, (name for node in model.graph.node for name in node.output if name), feeds)
    every = [{**feed, **values} for feed, values in zip(feeds, found, strict=True)]
    return {name: [values[name].shape for values in every] for name in every[0]}


def _demands(graph: onnx.GraphProto, shapes: Shapes, constants: Constants) -> tuple[dict[str, dict[int, int]], dict[str, int]]:
    """Walk from the outputs to the inputs; return who wants what.

    Returns:
        For each value, by the number of the node that reads it, the axis along which that node wants the first row, or ALL; and the axis
        along which a value is made with its first row only, for those that are.
    """
    wanted: dict[str, dict[int, int]] = defaultdict(dict)
    outputs, narrow = {value.name for value in graph.output}, dict[str, int]()
    for number in reversed(range(len(graph.node))):
        node = graph.node[number]
        axes = set(wanted[node.output[0]].values()) if len(node.output) == 1 and node.output[0] not in outputs else {ALL}
        axis = axes.pop() if len(axes) == 1 else ALL
        found = dict[str, int]()
        if axis != ALL:
            found = dict(_passed_on(node, axis, shapes, constants))
            if found:
                narrow[node.output[0]] = axis
        elif _reads_first(node, constants):
            found = {node.input[0]: 1}
        for name in node.input:
            # A node that reads a value twice, once whole, wants the whole.
            wanted[name][number] = found.get(name, ALL)
    return wanted, narrow


def _reads_first(node: onnx.NodeProto, constants: Constants) -> bool:
    """Whether a node takes row 0 along axis 1 and nothing else."""
    if node.op_type != "Gather" or node.input[1] not in constants:
        return False
    index = numpy_helper.to_array(constants[node.input[1]])
    return attribute(node, "axis", 0) == 1 and index.size == 1 and int(index.reshape(-1)[0]) == 0


def _passed_on(node: onnx.NodeProto, axis: int, shapes: Shapes, constants: Constants) -> Iterator[tuple[str, int]]:
    """Yield (input, axis) of which a node needs the first row alone, to make the first row of its output; none if it needs all."""
    rank = len(shapes[node.output[0]][0])
    if node.op_type in TOGETHER:
        for name in node.input:
            place = axis - rank + len(shapes[name][0]) if name not in constants else ALL
            if place >= 0 and any(shape[place] != 1 for shape in shapes[name]):
                yield name, place
    elif node.op_type in WAYS and (node.op_type != "MatMul" or len(shapes[node.input[0]][0]) == rank):
        place = WAYS[node.op_type](node, axis, rank, constants)
        if place != ALL:
            yield node.input[0], place


def _same(_node: onnx.NodeProto, axis: int, _rank: int, _constants: Constants) -> int:
    return axis


def _over_last(node: onnx.NodeProto, axis: int, rank: int, _constants: Constants) -> int:
    """What works along the last axis leaves the rows apart."""
    last = attribute(node, "axis", -1) in {-1, rank - 1}
    return axis if last and axis < rank - 1 else ALL


def _product(_node: onnx.NodeProto, axis: int, rank: int, _constants: Constants) -> int:
    return axis if axis == rank - 2 else ALL


def _turned(node: onnx.NodeProto, axis: int, rank: int, _constants: Constants) -> int:
    return int(attribute(node, "perm", list(reversed(range(rank))))[axis])


def _reshaped(node: onnx.NodeProto, axis: int, _rank: int, constants: Constants) -> int:
    """A reshape whose dimensions stay up to and with the axis; a zero in its shape says so."""
    shape = constants.get(node.input[1])
    return axis if shape is not None and not numpy_helper.to_array(shape)[: axis + 1].any() else ALL


def _reduced(node: onnx.NodeProto, axis: int, rank: int, constants: Constants) -> int:
    axes = attribute(node, "axes", None)
    if axes is None and len(node.input) > 1 and node.input[1] in constants:
        axes = numpy_helper.to_array(constants[node.input[1]]).tolist()
    last = axes is not None and set(axes) <= {-1, rank - 1} and attribute(node, "keepdims", 1) == 1
    return axis if last and axis < rank - 1 else ALL


# From the axis of a node's output to that of its first input, or ALL.
WAYS: dict[str, Callable[[onnx.NodeProto, int, int, Constants], int]] = {
    **dict.fromkeys(ALONE, _same),
    "LayerNormalization": _over_last,
    "Softmax": _over_last,
    "MatMul": _product,
    "Transpose": _turned,
    "Reshape": _reshaped,
    "ReduceMean": _reduced,
}


def _slice_where_it_begins(graph: onnx.GraphProto, demands: dict[str, dict[int, int]], narrow: dict[str, int]) -> None:
    """Put a Slice behind each value that is made whole and of which some nodes want the first row."""
    places = {output: number for number, node in enumerate(graph.node) for output in node.output}
    cut: list[tuple[int, onnx.NodeProto]] = []
    for name, readers in demands.items():
        for axis in sorted(
            {axis for number, axis in readers.items() if axis != ALL and _is_narrow(graph.node[number], narrow)}
        ):
            if name in narrow:
                continue
            made = f"{name}/first_{axis}"
            bounds = [
                _constant(graph, f"first/{what}", value) for what, value in (("start", 0), ("end", 1), (f"axis_{axis}", axis))
            ]
            node = helper.make_node("Slice", [name, *bounds], [made], name=f"{name.partition(':')[0]}/first_{axis}/Slice")
            cut.append((places.get(name, -1), node))
            for number, wanted in readers.items():
                if wanted == axis and _is_narrow(graph.node[number], narrow):
                    reader = graph.node[number]
                    reader.input[:] = [made if each == name else each for each in reader.input]
    for place, node in sorted(cut, key=lambda item: -item[0]):
        graph.node.insert(place + 1, node)


def _is_narrow(node: onnx.NodeProto, narrow: dict[str, int]) -> bool:
    return node.output[0] in narrow


def _constant(graph: onnx.GraphProto, name: str, value: int) -> str:
    if name not in {tensor.name for tensor in graph.initializer}:
        graph.initializer.append(numpy_helper.from_array(np.array([value], dtype=np.int64), name))
    return name


def attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    """Return an attribute of a node, or a default."""
    return next((helper.get_attribute_value(found) for found in node.attribute if found.name == name), default)
