"""Which weights are chosen, a graph that is brought into form, and what is refused. No torch."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compactor.base.errors import StageError
from compactor.checks.answers import onnx_answer
from compactor.quantization import convert_fp16, quantize_dynamic_int8, quantize_static_int8
from compactor.quantization.calibration import activation_ranges
from compactor.quantization.graph import choose, split_gemms
from compactor.quantization.tables import quantize_tables
from tests.quantization import bag


def test_products_and_tables_with_constant_weights_are_chosen():
    chosen = choose(bag.model(), embeddings=True, keep=())
    assert chosen.products == ("/encoder/MatMul", "/classifier/Gemm")
    assert chosen.tables == ("/embeddings/Gather",)
    assert choose(bag.model(), embeddings=False, keep=()).kept == ("/embeddings/Gather",)
    kept = choose(bag.model(), embeddings=True, keep=("*classifier*",))
    assert (kept.products, kept.kept) == (("/encoder/MatMul",), ("/classifier/Gemm",))


def test_a_pattern_that_fits_nothing_is_told_with_a_name_that_would():
    with pytest.raises(StageError) as caught:
        choose(bag.model(), embeddings=True, keep=("*clasifier*",))
    assert caught.value.problem.code == "Q105"
    assert "/encoder/MatMul" in caught.value.problem.hint


def test_splitting_gemm_keeps_the_answers(tmp_path):
    model = bag.model()
    onnx.save(model, str(tmp_path / "before.onnx"))
    split_gemms(model)
    assert "Gemm" not in {node.op_type for node in model.graph.node}
    onnx.save(model, str(tmp_path / "after.onnx"))
    before, after = (onnx_answer(tmp_path / name)(bag.batch()) for name in ("before.onnx", "after.onnx"))
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_a_step_that_would_change_nothing_is_an_error(tmp_path):
    source = bag.folder(tmp_path / "onnx")
    for run in (
        lambda: quantize_dynamic_int8(source, tmp_path / "out", reduce_range=False, keep=("*",)),
        lambda: quantize_static_int8(source, tmp_path / "out", [bag.batch()], reduce_range=False, keep=("*",)),
        lambda: convert_fp16(source, tmp_path / "out", keep=("*",)),
    ):
        with pytest.raises(StageError) as caught:
            run()
        assert caught.value.problem.code == "Q101"


def test_quantizing_twice_is_refused(tmp_path):
    source = bag.folder(tmp_path / "onnx")
    quantize_dynamic_int8(source, tmp_path / "int8", reduce_range=False)
    convert_fp16(source, tmp_path / "fp16")
    for quantized in ("int8", "fp16"):
        for run in (quantize_dynamic_int8, lambda a, b, **more: quantize_static_int8(a, b, [bag.batch()], **more)):
            with pytest.raises(StageError) as caught:
                run(tmp_path / quantized, tmp_path / "again", reduce_range=False)
            assert caught.value.problem.code == "Q102"


def test_ranges_are_those_of_the_data(tmp_path):
    model, batches = bag.model(), [bag.batch(seed=seed) for seed in range(4)]
    names = ["hidden", "pooled"]
    ranges = activation_ranges(model, names, batches, method="minmax", place=tmp_path)
    table, weight = bag.TABLE, bag.WEIGHT
    hidden = [table[batch["input_ids"]] for batch in batches]
    pooled = [np.maximum(each @ weight, 0).mean(axis=1) for each in hidden]
    for name, values in zip(names, (hidden, pooled), strict=True):
        expected = (min(each.min() for each in values), max(each.max() for each in values))
        np.testing.assert_allclose(ranges[name], expected, rtol=1e-5)
    average = activation_ranges(model, names, batches, method="average", place=tmp_path)
    np.testing.assert_allclose(average["hidden"][1], np.mean([each.max() for each in hidden]), rtol=1e-5)


def test_calibration_without_rows_is_told(tmp_path):
    with pytest.raises(StageError, match="no rows to calibrate"):
        activation_ranges(bag.model(), ["hidden"], [], method="minmax", place=tmp_path)


def test_activations_that_are_no_numbers_are_told(tmp_path):
    model = bag.model()
    for tensor in model.graph.initializer:
        if tensor.name == "encoder.weight":
            tensor.CopyFrom(numpy_helper.from_array(np.full_like(bag.WEIGHT, np.nan), tensor.name))
    with pytest.raises(StageError) as caught:
        activation_ranges(model, ["pooled"], [bag.batch()], method="minmax", place=tmp_path)
    assert caught.value.problem.code == "Q108"


def test_tables_are_looked_up_before_they_are_turned_into_float():
    model = bag.model()
    quantize_tables(model, ["/embeddings/Gather"])
    lookup = next(node for node in model.graph.node if node.op_type == "Gather")
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    assert weights[lookup.input[0]].data_type == TensorProto.INT8
    values = numpy_helper.to_array(weights[lookup.input[0]]).astype(np.float32)
    scale = float(numpy_helper.to_array(weights["embeddings.weight_scale"]))
    assert np.abs(values * scale - bag.TABLE).max() <= scale / 2 * 1.0001
    onnx.checker.check_model(_without(model, "embeddings.weight"))


def test_a_table_of_zeros_stays_one():
    model = bag.model()
    for tensor in model.graph.initializer:
        if tensor.name == "embeddings.weight":
            tensor.CopyFrom(numpy_helper.from_array(np.zeros_like(bag.TABLE), tensor.name))
    quantize_tables(model, ["/embeddings/Gather"])
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    assert not weights["embeddings.weight_quantized"].any()
    assert weights["embeddings.weight_scale"] > 0


def _without(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    kept = [tensor for tensor in model.graph.initializer if tensor.name != name]
    graph = helper.make_graph(list(model.graph.node), "main", list(model.graph.input), list(model.graph.output), kept)
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=8)
