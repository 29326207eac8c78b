"""Shorter graphs compute the same; what does not hold in every shape is left alone. No torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compactor.exporting.simplify import simplify

VALUE = -3.0e38


def build(*, causal: bool = False, keep: bool = True) -> onnx.ModelProto:
    """Return a graph that reshapes (batch, sequence, 6) by a computed shape and masks scores, as exporters write it.

    Args:
        causal: a token does not see later ones.
        keep: the computed shape keeps batch and sequence; else it merges them.
    """
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["hidden"]),
        helper.make_node("Shape", ["input_ids"], ["both"]),
        helper.make_node("ReduceProd", ["both"], ["merged"], axes=[0], keepdims=1),
        helper.make_node("Concat", ["both" if keep else "merged", "tail"], ["wanted"], axis=0),
        helper.make_node("Reshape", ["hidden", "wanted"], ["heads"], "reshape"),
        helper.make_node("Reshape", ["heads", "both_and_width"], ["again"], "back"),
        helper.make_node("Concat", ["both", "width"], ["both_and_width"], axis=0),
        helper.make_node("Transpose", ["again"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["again", "turned"], ["products"]),
        helper.make_node("Unsqueeze", ["products", "axis_1"], ["scores"]),
        helper.make_node("Cast", ["attention_mask"], ["seen"], to=TensorProto.BOOL),
        helper.make_node("Unsqueeze", ["seen", "axes_12"], ["wide"]),
        helper.make_node("Shape", ["scores"], ["full"]),
        helper.make_node("Expand", ["wide", "full"], ["expanded"]),
        helper.make_node(
            "Trilu" if causal else "Identity", ["expanded_float"], ["visible_float"], **({"upper": 0} if causal else {})
        ),
        helper.make_node("Cast", ["expanded"], ["expanded_float"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["visible_float"], ["visible"], to=TensorProto.BOOL),
        helper.make_node("Where", ["visible", "zero", "lowest"], ["added"]),
        helper.make_node("Add", ["scores", "added"], ["masked"]),
        helper.make_node("Softmax", ["masked"], ["attention"], axis=-1),
        helper.make_node("ReduceMax", ["attention"], ["logits"], axes=[1, 3], keepdims=0),
    ]
    order = [0, 1, 2, 3, 4, 6, 5, 7, 8, 9, 10, 11, 12, 13, 15, 14, 16, 17, 18, 19, 20]
    arrays: dict[str, Any] = {
        "table": np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32),
        "tail": np.array([2, 3]),
        "width": np.array([6]),
        "axis_1": np.array([1]),
        "axes_12": np.array([1, 2]),
        "zero": np.float32(0),
        "lowest": np.float32(VALUE),
    }
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
        for name in ("input_ids", "attention_mask")
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "sequence"])]
    constants = [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]
    graph = helper.make_graph([nodes[index] for index in order], "main", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(model: onnx.ModelProto) -> list[np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    answers = []
    for batch, length in ((1, 1), (4, 9), (2, 30)):
        mask = np.ones((batch, length), dtype=np.int64)
        mask[-1, (length + 1) // 2 :] = 0
        ids = np.random.default_rng(length).integers(0, 50, (batch, length))
        answers.append(session.run(None, {"input_ids": ids, "attention_mask": mask})[0])
    return answers


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("keep", [False, True])
def test_answers_stay_the_same(causal, keep):
    before, after = build(causal=causal, keep=keep), build(causal=causal, keep=keep)
    done = simplify(after, vocabulary=50, pad_id=0, longest=64)
    assert done == {"constant_shapes": 1 + keep if keep else 0, "masks": 0 if causal else 1, "first_row_products": 0}
    for ours, theirs in zip(run(after), run(before), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert len(after.graph.node) < len(before.graph.node) or (causal and not keep)
    onnx.checker.check_model(after)


def test_a_model_that_reads_few_tokens_is_left_alone():
    model = build()
    before = model.SerializeToString()
    assert simplify(model, vocabulary=50, pad_id=0, longest=8) == {"constant_shapes": 0, "masks": 0, "first_row_products": 0}
    assert model.SerializeToString() == before


def test_simplifying_twice_changes_nothing_more():
    model = build()
    simplify(model, vocabulary=50, pad_id=0, longest=64)
    before = model.SerializeToString()
    assert simplify(model, vocabulary=50, pad_id=0, longest=64)["constant_shapes"] == 0
    assert len(onnx.load_from_string(before).graph.node) == len(model.graph.node)
