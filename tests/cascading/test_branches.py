"""A graph that stops early answers as its exits say, and does not run what comes after one that is sure."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compactor.cascading.branches import Exit, with_exits
from compactor.cascading.temperature import confidence
from compactor.cascading.threshold import levels

WIDTH, CLASSES = 6, 3
TEMPERATURES = (0.7, 1.6, 1.2)


def flat(opset: int, *, trap: bool = False) -> onnx.ModelProto:
    """Return a graph of three layers with an exit after each of the first two; with a trap its last layer fails when it is run."""
    dice = np.random.default_rng(1)
    weights = {f"w{layer}": dice.normal(size=(WIDTH, WIDTH)) for layer in range(3)}
    weights |= {f"head{layer}": 2 * dice.normal(size=(WIDTH, CLASSES)) for layer in range(3)}
    nodes, before = [], "x"
    for layer, output in enumerate(("exit_1", "exit_2", "logits")):
        nodes.append(helper.make_node("MatMul", [before, f"w{layer}"], [f"product{layer}"]))
        nodes.append(helper.make_node("Tanh", [f"product{layer}"], [f"state{layer}"]))
        before = f"state{layer}"
        if trap and output == "logits":
            nodes.append(helper.make_node("Gather", [before, "far"], ["trapped"], axis=0))
            before = "trapped"
        nodes.append(helper.make_node("MatMul", [before, f"head{layer}"], [output]))
    constants = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    constants += [numpy_helper.from_array(np.array([10**6]), "far")] if trap else []
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", CLASSES]) for name in ("logits", "exit_1", "exit_2")
    ]
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", WIDTH])]
    graph = helper.make_graph(nodes, "main", given, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def session(model: onnx.ModelProto) -> Any:
    import onnxruntime

    onnx.checker.check_model(model)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def early(model: onnx.ModelProto, threshold: float) -> onnx.ModelProto:
    exits = [Exit(f"exit_{number}", TEMPERATURES[number - 1]) for number in (1, 2)]
    return with_exits(model, exits, confidence=threshold, temperature=TEMPERATURES[2])


@pytest.mark.parametrize("opset", [14, 17, 18])
@pytest.mark.parametrize("threshold", [0.0, 0.85, 0.9, 2.0])
def test_it_answers_by_the_rule_in_a_batch_and_alone(opset: int, threshold: float) -> None:
    model = flat(opset)
    rows = np.random.default_rng(2).normal(size=(40, WIDTH)).astype(np.float32)
    last, *exits = session(model).run(["logits", "exit_1", "exit_2"], {"x": rows})
    answers = [*exits, last]
    sure = np.stack([confidence(each, of) for each, of in zip(exits, TEMPERATURES, strict=False)])
    chosen = levels(sure, threshold)
    if 0 < threshold < 1:
        assert set(chosen) == {0, 1, 2}, "the rows must tell something"
    expected = np.stack([each / np.float32(of) for each, of in zip(answers, TEMPERATURES, strict=True)])[chosen, range(40)]
    stopping = session(early(model, threshold))
    assert [output.name for output in stopping.get_outputs()] == ["logits"]
    assert stopping.run(None, {"x": rows})[0] == pytest.approx(expected, abs=1e-6)
    alone = np.concatenate([stopping.run(None, {"x": row[None]})[0] for row in rows])
    assert alone == pytest.approx(expected, abs=1e-6)


def test_what_comes_after_a_sure_exit_is_not_run() -> None:
    trapped = flat(17, trap=True)
    rows = np.random.default_rng(2).normal(size=(40, WIDTH)).astype(np.float32)
    first = session(flat(17)).run(["exit_1"], {"x": rows})[0]
    sure = confidence(first, TEMPERATURES[0])
    stopping = session(early(trapped, 0.8))
    assert stopping.run(None, {"x": rows[sure >= 0.8]})[0] == pytest.approx(first[sure >= 0.8] / TEMPERATURES[0], abs=1e-6)
    never = session(early(trapped, 2.0))
    with pytest.raises(Exception, match="Gather"):
        never.run(None, {"x": rows[:1]})


def test_what_a_branch_alone_needs_lies_inside_it_and_counts_as_before(tmp_path) -> None:
    from compactor.measuring.size import size_by_part

    model = flat(17)
    stopping = early(model, 0.8)
    assert {tensor.name for tensor in stopping.graph.initializer if tensor.name[0] in "wh"} == {"w0", "head0"}
    parts = []
    for name, each in (("flat", model), ("early", stopping)):
        (tmp_path / name).mkdir()
        onnx.save(each, tmp_path / name / "model.onnx")
        parts.append(size_by_part(tmp_path / name))
    before, after = parts
    new = 4 * len(TEMPERATURES) + 4  # a factor for each level, and the threshold
    assert after["encoder"] + after["head"] == before["encoder"] + before["head"] + new


def test_the_given_graph_stays_as_it_was() -> None:
    model = flat(17)
    before = model.SerializeToString()
    early(model, 0.5)
    assert model.SerializeToString() == before
