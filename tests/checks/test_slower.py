"""A step that costs time is told with what in its graph explains it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compactor.checks.slower import dequantized_products, slower, why_slow
from compactor.targets import Target

onnx = pytest.importorskip("onnx")
VNNI = Target(name="vnni", title="", machine="any")
PLAIN = Target(name="plain", title="", machine="any", int8_dot_product=False)


def graph(*operators: str | tuple[str, list[str], str], width: int = 256, dtype: Any = np.int8) -> Any:
    """Return a model of these nodes, each an operator or (operator, inputs, output), with one weight of width x width."""
    weight = onnx.numpy_helper.from_array(np.ones((width, width), dtype=dtype), "w")
    described = [each if isinstance(each, tuple) else (each, ["x", "w"], f"y{number}") for number, each in enumerate(operators)]
    nodes = [onnx.helper.make_node(operator, inputs, [output]) for operator, inputs, output in described]
    return onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [], [], [weight]))


FLOAT = graph("MatMul", dtype=np.float32)


def test_only_a_certain_loss_of_a_step_that_promises_none_is_told():
    assert not list(slower("quantize", 1.1, (0.98, 1.2), [], place=""))
    assert not list(slower("package", 1.5, (1.4, 1.6), [], place=""))
    (found,) = slower("quantize", 1.5, (1.4, 1.6), ["it rains"], place="")
    assert (found.code, found.severity) == ("Q140", "warning")
    assert "1.50 times" in found.sentence
    assert "it rains" in found.sentence


def test_a_product_with_one_quantized_side_runs_in_float():
    half = graph(("DequantizeLinear", ["w", "s"], "d"), ("MatMul", ["x", "d"], "y"))
    whole = graph(("DequantizeLinear", ["w", "s"], "d"), ("DequantizeLinear", ["x", "s"], "e"), ("MatMul", ["e", "d"], "y"))
    assert (dequantized_products(half), dequantized_products(whole), dequantized_products(FLOAT)) == (1, 0, 0)
    assert "1 products dequantize" in why_slow(FLOAT, half, VNNI)[0]


@pytest.mark.parametrize(
    ("model", "target", "words"),
    [
        (graph("MatMulNBits"), VNNI, "weights of few bits"),
        (graph("MatMulInteger"), PLAIN, "no 8-bit dot products"),
        (graph("MatMulInteger", "DynamicQuantizeLinear", "Mul", width=32), VNNI, "1,024 values at most, and +2 nodes"),
        (graph("SkipLayerNormalization"), VNNI, "SkipLayerNormalization"),
    ],
)
def test_the_reason_is_named(model, target, words):
    (reason,) = why_slow(FLOAT, model, target)
    assert words in reason


def test_a_wide_int8_graph_has_no_known_reason():
    assert why_slow(FLOAT, graph("MatMulInteger"), VNNI) == []
    (found,) = slower("quantize", 2, (1.5, 3), [], place="")
    assert "nothing in the graph explains it" in found.sentence
