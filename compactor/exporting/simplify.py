"""Shapes and masks that an exporter computes by dozens of small nodes, written in few: what is equal is found by running the graph.

In a student of two layers these nodes take a fifth of the time of an answer.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compactor.exporting.first_row import keep_first_row
from compactor.exporting.probes import MASK, PROBES, Values, image_probes, text_probes, values_of

MASK_CONSTANTS = {
    "mask/axis_1": np.array([1], dtype=np.int64),
    "mask/axis_2": np.array([2], dtype=np.int64),
    "mask/ones": np.array([1, 1, 1, 1], dtype=np.int64),
    "mask/one": np.array(1, dtype=np.int64),
    "mask/zero": np.array(0, dtype=np.float32),
}


def simplify(model: onnx.ModelProto, *, vocabulary: int, pad_id: int, longest: int, every_row: bool = False) -> dict[str, int]:
    """Rewrite a graph in place; it computes the same.

    A Reshape whose shape is computed, but keeps the first dimensions of what it reshapes, gets a constant shape with zeros there. An
    attention mask of (batch, 1, any, sequence) that is 0 where a token is and one large negative value elsewhere becomes
    `where(1 - mask, value, 0)`. Both are changed only if they hold for inputs of several shapes with padded rows. Of what the head leaves
    unread nothing is computed, see `compactor.exporting.first_row`.

    Args:
        model: fp32 graph with int64 inputs (batch, sequence).
        vocabulary: number of token ids.
        pad_id: id in padded places.
        longest: most tokens the model reads; one that reads fewer than the longest probe has is left as it is.
        every_row: compute every row of the last layer, read or not.

    Returns:
        `constant_shapes`, `masks` and `first_row_products`: how many were rewritten.

    Raises:
        StageError: onnxruntime cannot run the graph.
    """
    if longest < max(length for _, length in PROBES):
        return {"constant_shapes": 0, "masks": 0, "first_row_products": 0}
    return _simplified(model, list(text_probes(vocabulary, pad_id)), every_row)


def simplify_images(model: onnx.ModelProto, *, size: tuple[int, int], every_row: bool = False) -> dict[str, int]:
    """Rewrite a graph of images in place, as `simplify` does one of texts.

    Args:
        model: fp32 graph with the input `pixel_values`, float32 (batch, 3, height, width).
        size: (height, width).
        every_row: compute every row of the last layer, read or not.
    """
    return _simplified(model, list(image_probes(size)), every_row)


def _simplified(model: onnx.ModelProto, feeds: list[Values], every_row: bool = False) -> dict[str, int]:
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    reshapes = [node for node in graph.node if node.op_type == "Reshape" and node.input[1] not in constants]
    masks = _mask_candidates(graph, constants)
    found = _before_and_after(model, reshapes, masks, feeds)
    shapes_done = sum(
        _constant_shape(graph, node, [(values[_before(node)], values[node.input[1]]) for values in found]) for node in reshapes
    )
    masks_done = sum(
        _short_mask(graph, name, [(feed[MASK], values[name]) for feed, values in zip(feeds, found, strict=True)])
        for name in masks
    )
    _drop_dead_nodes(graph)
    rows_done = 0 if every_row else keep_first_row(model, feeds)
    return {"constant_shapes": shapes_done, "masks": masks_done, "first_row_products": rows_done}


def _mask_candidates(graph: onnx.GraphProto, constants: set[str]) -> list[str]:
    """Name the tensors that are added to attention scores before Softmax and do not come from a product themselves."""
    makers = {output: node for node in graph.node for output in node.output}
    if MASK not in {value.name for value in graph.input}:
        return []
    found: dict[str, None] = {}
    for node in graph.node:
        scores = makers.get(node.input[0]) if node.op_type == "Softmax" else None
        if scores is None or scores.op_type != "Add":
            continue
        for name in scores.input:
            maker = makers.get(name)
            if name not in constants and maker is not None and maker.op_type not in {"MatMul", "Mul", "Div"}:
                found[name] = None
    return list(found)


def _before_and_after(
    model: onnx.ModelProto, reshapes: list[onnx.NodeProto], masks: list[str], feeds: list[Values]
) -> list[Values]:
    """Return, for each probe, the masks, the shapes asked for by Reshape nodes, and the shapes before."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.node.extend(helper.make_node("Shape", [node.input[0]], [_before(node)]) for node in reshapes)
    return values_of(copy, [*masks, *(name for node in reshapes for name in (node.input[1], _before(node)))], feeds)


def _before(node: onnx.NodeProto) -> str:
    return f"{node.name}/before"


def _constant_shape(graph: onnx.GraphProto, node: onnx.NodeProto, probes: list[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Give a Reshape a constant shape if one fits all probes: 0 for a dimension that stays, a number for one that never changes."""
    wanted = [list(shape) for _, shape in probes]
    before = [list(shape) for shape, _ in probes]
    rank = len(wanted[0])
    shape: list[int] = []
    for axis in range(rank):
        sizes = {each[axis] for each in wanted}
        if all(axis < len(old) and new[axis] == old[axis] for new, old in zip(wanted, before, strict=True)):
            shape.append(0)
        elif len(sizes) == 1:
            shape.append(int(sizes.pop()))
        else:
            return False
    name = "shape_" + "_".join(str(size) for size in shape)
    if name not in {tensor.name for tensor in graph.initializer}:
        graph.initializer.append(numpy_helper.from_array(np.array(shape, dtype=np.int64), name))
    node.input[1] = name
    del node.attribute[:]  # allowzero, which dynamo sets, would take a zero for an empty dimension
    return True


def _short_mask(graph: onnx.GraphProto, name: str, probes: list[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Replace a mask if it is one value where the attention mask is 0, and 0 elsewhere, in all probes.

    The form is one that onnxruntime's optimizer knows, so that it still fuses attention where a target wants that; hence Expand,
    which does nothing here.
    """
    value = min(float(found.min()) for _, found in probes)
    for mask, found in probes:
        expected = np.where(mask[:, None, None, :] == 1, np.float32(0), np.float32(value))
        if (
            value >= 0
            or not np.isfinite(value)
            or found.ndim != 4
            or not np.array_equal(np.broadcast_to(expected, found.shape), found)
        ):
            return False
    known = {tensor.name for tensor in graph.initializer}
    for constant, array in MASK_CONSTANTS.items():
        if constant not in known:
            graph.initializer.append(numpy_helper.from_array(array, constant))
    graph.initializer.append(numpy_helper.from_array(np.array(value, dtype=np.float32), f"{name}/value"))
    steps = [
        helper.make_node("Unsqueeze", [MASK, "mask/axis_1"], [f"{name}/heads"]),
        helper.make_node("Unsqueeze", [f"{name}/heads", "mask/axis_2"], [f"{name}/queries"]),
        helper.make_node("Expand", [f"{name}/queries", "mask/ones"], [f"{name}/present"]),
        helper.make_node("Sub", ["mask/one", f"{name}/present"], [f"{name}/absent"]),
        helper.make_node("Cast", [f"{name}/absent"], [f"{name}/hidden"], to=TensorProto.BOOL),
        helper.make_node("Where", [f"{name}/hidden", f"{name}/value", "mask/zero"], [f"{name}/added"]),
    ]
    for step in steps:
        step.name = f"{name.partition(':')[0]}/{step.output[0].rpartition('/')[2]}/{step.op_type}"
    for node in graph.node:
        for position, each in enumerate(node.input):
            if each == name:
                node.input[position] = f"{name}/added"
    for step in reversed(steps):
        graph.node.insert(0, step)
    return True


def _drop_dead_nodes(graph: onnx.GraphProto) -> None:
    """Remove nodes whose results nobody reads, and then initializers that nobody reads."""
    needed = {value.name for value in graph.output}
    dead = []
    for index in reversed(range(len(graph.node))):
        node = graph.node[index]
        if any(output in needed for output in node.output):
            needed.update(node.input)
        else:
            dead.append(index)
    for index in dead:
        del graph.node[index]
    for index in reversed([index for index, tensor in enumerate(graph.initializer) if tensor.name not in needed]):
        del graph.initializer[index]
