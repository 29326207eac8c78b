"""What an exported graph computes from constants alone is computed once, at export."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.model


def test_a_chain_of_constants_becomes_one_and_what_depends_on_inputs_stays() -> None:
    from onnx import TensorProto, helper, numpy_helper

    from compactor.exporting.constants import fold_constants

    large = np.ones((64, 64), dtype=np.float32)
    arrays = {"a": np.array([3, 4], dtype=np.int64), "shape": np.array([-1], dtype=np.int64), "large": large}
    nodes = [
        helper.make_node("Add", ["a", "a"], ["b"]),
        helper.make_node("Mul", ["b", "a"], ["c"]),
        helper.make_node("Transpose", ["large"], ["turned"]),
        helper.make_node("Add", ["x", "c"], ["sum"]),
        helper.make_node("ReduceSum", ["turned"], ["whole"]),
        helper.make_node("Mul", ["b", "b"], ["told"]),
    ]
    graph = helper.make_graph(
        nodes,
        "main",
        [helper.make_tensor_value_info("x", TensorProto.INT64, [2])],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in (("sum", 7), ("whole", 1), ("told", 7))],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    assert fold_constants(graph, [helper.make_opsetid("", 17)]) == 2
    left = {node.op_type: list(node.input) for node in graph.node}
    assert [node.op_type for node in graph.node] == ["Transpose", "Add", "ReduceSum", "Mul"]
    assert left["Add"] == ["x", "c"]
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    assert values["c"].tolist() == [18, 32]
