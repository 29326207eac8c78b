"""The work of a graph against closed forms, and what cannot be counted is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.measuring.cells import Cell
from compactor.measuring.estimate.work import Work, graph_work, node_work

pytest.importorskip("onnxruntime")


def node(operator: str, given: list[tuple[str, list[int]]], result: list[int], constant: int = 0) -> dict[str, Any]:
    return {
        "op_name": operator,
        "input_type_shape": [{kind: shape} for kind, shape in given],
        "output_type_shape": [{"float": result}],
        "parameter_size": str(constant),
        "activation_size": "0",
        "output_size": str(4 * int(np.prod(result))),
    }


@pytest.mark.parametrize(("batch", "length"), [(1, 7), (3, 16)])
def test_a_chain_of_products_has_the_work_of_its_formula(make_model: Callable[..., Path], batch: int, length: int) -> None:
    layers, width, labels = 4, 32, 3
    work = graph_work(make_model("chain", layers, width), Cell(batch, length))
    assert work.fp32_products == batch * length * width**2 * layers + batch * width * labels
    assert work.weight_bytes == 4 * (layers * width**2 + width * labels + labels)  # the bias is fused into the classifier
    assert work.functions == batch * length * width * layers  # tanh
    assert work.int8_products == work.inner_products == work.normalised == 0
    # Gather, products with tanh, mean, classifier: fewer than written when some are fused.
    assert 2 * layers + 2 <= work.nodes <= 2 * layers + 4


def test_quantizing_moves_products_from_floats_to_int8(make_model: Callable[..., Path], tmp_path: Path) -> None:
    quantization = pytest.importorskip("onnxruntime.quantization")
    model = make_model("chain", 2)
    smaller = tmp_path / "int8.onnx"
    quantization.quantize_dynamic(str(model), str(smaller), op_types_to_quantize=["MatMul"])
    before, after = graph_work(model, Cell(1, 16)), graph_work(smaller, Cell(1, 16))
    assert after.int8_products == before.fp32_products
    assert after.fp32_products == 0
    assert after.weight_bytes < before.weight_bytes / 2


def test_products_of_activations_are_told_apart_by_what_is_constant() -> None:
    inner = node_work(node("MatMul", [("float", [1, 4, 16, 8]), ("float", [1, 4, 8, 16])], [1, 4, 16, 16]))
    assert (inner.inner_products, inner.fp32_products, inner.weight_bytes) == (4 * 16 * 16 * 8, 0, 0)
    outer = node_work(node("MatMul", [("float", [16, 8]), ("float", [8, 32])], [16, 32], constant=4 * 8 * 32))
    assert (outer.inner_products, outer.fp32_products, outer.weight_bytes) == (0, 16 * 8 * 32, 4 * 8 * 32)


def test_fused_attention_and_convolution_follow_their_formulas() -> None:
    batch, length, width = 2, 16, 64
    attention = node_work(
        node("Attention", [("float", [batch, length, width]), ("float", [width, 3 * width])], [batch, length, width])
    )
    assert attention.fp32_products == 3 * batch * length * width**2
    assert attention.inner_products == 2 * batch * length**2 * width
    convolution = node_work(node("Conv", [("float", [1, 8, 20]), ("float", [6, 8, 3])], [1, 6, 18], constant=4 * 6 * 8 * 3))
    assert convolution.fp32_products == 6 * 18 * 8 * 3


def test_views_move_nothing() -> None:
    assert node_work(node("Reshape", [("float", [4, 4])], [16])) == Work(nodes=1)


def test_a_graph_whose_work_is_not_known_is_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    weights = [
        numpy_helper.from_array(np.zeros((1, 16, 3), dtype=np.float32), "w"),
        numpy_helper.from_array(np.zeros((1, 16, 4), dtype=np.float32), "r"),
    ]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [5, 1, 3])
    gives = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=4)], "g", [given], [gives], weights)
    path = tmp_path / "lstm.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    with pytest.raises(StageError, match=r"M250.*LSTM"):
        graph_work(path, Cell(1, None))


def test_a_file_that_is_no_model_is_told_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(StageError, match="M251"):
        graph_work(path, Cell(1, 16))
