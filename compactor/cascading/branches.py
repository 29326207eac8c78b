"""A graph that stops early: what comes after an exit stands in the branch of an `If`, and runs only when the exit is not sure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

# From here on the axes of ReduceMax are an input.
AXES_ARE_INPUTS = 18


@dataclass(frozen=True)
class Exit:
    """An output of a graph that may answer instead of the last one; its logits are divided by the temperature."""

    output: str
    temperature: float


def with_exits(model: onnx.ModelProto, exits: Sequence[Exit], *, confidence: float, temperature: float) -> onnx.ModelProto:
    """Return a graph with one output that answers at the first exit that is sure, and else at the end.

    An exit is sure of a row when the highest probability by softmax(logits / temperature) is at least `confidence`. With batch 1 what
    comes after is then not run. In a batch it is run unless the exit is sure of all rows, and each row is still answered by the first
    exit that is sure of it, so that no answer depends on batch mates. What a branch alone needs of weights lies inside
    it: from outside, onnxruntime 1.31 does not prepare them for its kernels, and six layers of width 384 took 14 % (int8) to 28 % (fp32)
    longer. Source of the rule: Xin et al. 2020, DeeBERT (arXiv:2004.12993), section 3.3, by confidence instead of entropy.

    Args:
        model: with the last layer's logits as its first output, and each exit's as another; it is not changed.
        exits: the first one first; an exit must not need what a later one leaves out.
        confidence: how sure is sure enough.
        temperature: of the last answer.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    last = graph.output[0].name
    opset = next(entry.version for entry in made.opset_import if entry.domain in ("", "ai.onnx"))
    build = _Builder(opset, confidence)
    nodes = [_renamed(node, last, f"{last}:end") for node in graph.node]
    arranged, answer = build.arrange(nodes, list(exits), Exit(f"{last}:end", temperature))
    arranged[-1].output[0] = last
    del graph.node[:], graph.value_info[:], graph.output[1:]
    graph.node.extend(arranged)
    graph.initializer.extend(build.constants)
    _sink(graph)
    assert answer
    return made


class _Builder:
    """Collects the constants that the new nodes need."""

    def __init__(self, opset: int, confidence: float) -> None:
        self.opset = opset
        self.constants = [numpy_helper.from_array(np.array(confidence, dtype=np.float32), "cascade:confidence")]
        if opset >= AXES_ARE_INPUTS:
            self.constants.append(numpy_helper.from_array(np.array([-1], dtype=np.int64), "cascade:last_axis"))

    def arrange(self, nodes: list[NodeProto], exits: list[Exit], end: Exit) -> tuple[list[NodeProto], str]:
        """Return nodes in order, the last of them making the answer, and the answer's name."""
        if not exits:
            return [*nodes, self._scaled(end)], f"{end.output}:scaled"
        first, *deeper = exits
        needed = _ancestors(nodes, first.output)
        before = [node for node in nodes if id(node) in needed]
        after = [node for node in nodes if id(node) not in needed]
        rest, deep = self.arrange(after, deeper, end)
        name = first.output
        rest.append(
            helper.make_node("Where", [f"{name}:sure", f"{name}:scaled", deep], [f"{name}:chosen"], name=f"/{name}/Where")
        )
        stay = helper.make_node("Identity", [f"{name}:scaled"], [f"{name}:early"], name=f"/{name}/Identity")
        branch = helper.make_node(
            "If",
            [f"{name}:all_sure"],
            [f"{name}:answer"],
            name=f"/{name}/If",
            then_branch=helper.make_graph([stay], f"{name}_early", [], [_floats(f"{name}:early")]),
            else_branch=helper.make_graph(rest, f"{name}_on", [], [_floats(f"{name}:chosen")]),
        )
        return [*before, *self._decision(first), branch], f"{name}:answer"

    def _decision(self, given: Exit) -> list[NodeProto]:
        """Return the nodes that say of which rows an exit is sure: `:sure` (batch, 1), `:all_sure` a scalar."""
        name = given.output
        axes = {} if self.opset >= AXES_ARE_INPUTS else {"axes": [-1]}
        further = ["cascade:last_axis"] if self.opset >= AXES_ARE_INPUTS else []
        steps: tuple[tuple[str, list[str], str, dict[str, Any]], ...] = (
            ("Softmax", [f"{name}:scaled"], "probabilities", {"axis": -1}),
            ("ReduceMax", [f"{name}:probabilities", *further], "highest", {"keepdims": 1, **axes}),
            ("GreaterOrEqual", [f"{name}:highest", "cascade:confidence"], "sure", {}),
            ("Cast", [f"{name}:sure"], "sure_numbers", {"to": TensorProto.INT32}),
            ("ReduceMin", [f"{name}:sure_numbers"], "least_sure", {"keepdims": 0}),
            ("Cast", [f"{name}:least_sure"], "all_sure", {"to": TensorProto.BOOL}),
        )
        made = [
            helper.make_node(kind, inputs, [f"{name}:{output}"], name=f"/{name}/{output}", **attributes)
            for kind, inputs, output, attributes in steps
        ]
        return [self._scaled(given), *made]

    def _scaled(self, given: Exit) -> NodeProto:
        name = given.output
        factor = numpy_helper.from_array(np.array(1.0 / given.temperature, dtype=np.float32), f"{name}:inverse_temperature")
        self.constants.append(factor)
        return helper.make_node("Mul", [name, factor.name], [f"{name}:scaled"], name=f"/{name}/Mul")


def _sink(graph: onnx.GraphProto) -> None:
    """Move each weight that only a branch uses into that branch, and on into the branches within."""
    for node in graph.node:
        for attribute in node.attribute:
            if not attribute.HasField("g"):
                continue
            outside = {name for other in graph.node if other is not node for name in other.input}
            inside = _used(attribute.g) - outside
            attribute.g.initializer.extend(tensor for tensor in graph.initializer if tensor.name in inside)
            kept = [tensor for tensor in graph.initializer if tensor.name not in inside]
            del graph.initializer[:]
            graph.initializer.extend(kept)
            _sink(attribute.g)


def _used(graph: onnx.GraphProto) -> set[str]:
    """Return the names that a graph's nodes read, branches included."""
    found = {name for node in graph.node for name in node.input}
    return found.union(*(_used(each.g) for node in graph.node for each in node.attribute if each.HasField("g")))


def _ancestors(nodes: Iterable[NodeProto], output: str) -> set[int]:
    """Return the ids of the nodes that an output needs."""
    made_by = {name: node for node in nodes for name in node.output}
    found: set[int] = set()
    waiting = [output]
    while waiting:
        node = made_by.get(waiting.pop())
        if node is not None and id(node) not in found:
            found.add(id(node))
            waiting.extend(node.input)
    return found


def _renamed(node: NodeProto, old: str, new: str) -> NodeProto:
    """Return a copy of a node that makes, or reads, `new` instead of `old`."""
    made = onnx.NodeProto()
    made.CopyFrom(node)
    for names in (made.input, made.output):
        for position, name in enumerate(names):
            if name == old:
                names[position] = new
    return made


def _floats(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
