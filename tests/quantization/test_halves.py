"""float16 keeps out of it what it cannot hold; bfloat16 answers as the definition of its operators says."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compactor.base.errors import StageError
from compactor.checks.answers import onnx_answer
from compactor.quantization import convert_bf16, convert_fp16
from compactor.tasks import TASKS
from tests.quantization import bag

LARGE = 3e5


def large(path):
    """Write the bag with a product that goes far beyond float16, and a head that brings it back."""
    folder = bag.folder(path)
    model = onnx.load(str(folder / "model.onnx"))
    for tensor in model.graph.initializer:
        factor = {"encoder.weight": LARGE, "classifier.weight": 1 / LARGE}.get(tensor.name)
        if factor is not None:
            scaled = (numpy_helper.to_array(tensor) * np.float32(factor)).astype(np.float32)
            if tensor.name == "encoder.weight":
                scaled = np.clip(scaled, -6e4, 6e4)  # the weights themselves fit
            tensor.CopyFrom(numpy_helper.from_array(scaled, tensor.name))
    onnx.save(model, str(folder / "model.onnx"))
    return folder


def answers(folder):
    """Return what the operators' definitions give; onnxruntime on a processor would compute float16 in float32 and hide an overflow."""
    from onnx.reference import ReferenceEvaluator

    with np.errstate(all="ignore"):
        return ReferenceEvaluator(str(folder / "model.onnx")).run(None, {"input_ids": bag.batch()["input_ids"]})[0]


def test_the_cast_of_an_input_in_float_stands_before_what_reads_it(tmp_path):
    """As of images: pixels come in float32."""
    source = bag.folder(tmp_path / "f")
    given = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", bag.WIDTH])
    made = helper.make_tensor_value_info("product", TensorProto.FLOAT, ["batch", bag.HIDDEN])
    node = helper.make_node("MatMul", ["pixels", "weight"], ["product"], "/MatMul")
    graph = helper.make_graph([node], "main", [given], [made], [numpy_helper.from_array(bag.WEIGHT, "weight")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(source / "model.onnx"))
    convert_fp16(source, tmp_path / "half")
    onnx.checker.check_model(onnx.load(str(tmp_path / "half/model.onnx")))


def test_what_would_overflow_in_float16_stays_in_float32_from_end_to_end(tmp_path):
    source = large(tmp_path / "f")
    convert_fp16(source, tmp_path / "blind")
    assert not np.isfinite(answers(tmp_path / "blind")).all()  # there is something to keep out
    facts = convert_fp16(source, tmp_path / "seen", [bag.batch(rows=2, seed=1)])
    assert sorted(facts["overflowing_nodes"]) == ["/classifier/Gemm", "/encoder/MatMul", "/encoder/ReduceMean", "/encoder/Relu"]
    assert min(facts["overflowing_nodes"].values()) > 65504
    assert answers(tmp_path / "seen") == pytest.approx(answers(source), rel=5e-3, abs=5e-3)
    casts = [node for node in onnx.load(str(tmp_path / "seen/model.onnx")).graph.node if node.op_type == "Cast"]
    assert len(casts) <= 2  # in, and out


def test_a_weight_beyond_float16_keeps_its_node_and_a_lone_number_does_not(tmp_path):
    source = bag.folder(tmp_path / "f")
    model = onnx.load(str(source / "model.onnx"))
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "encoder.weight")
    values = bag.WEIGHT.copy()
    values[0, 0] = 1e6
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    onnx.save(model, str(source / "model.onnx"))
    facts = convert_fp16(source, tmp_path / "q")
    assert facts["overflowing_nodes"] == {"/encoder/MatMul": 1e6}
    assert facts["float_parameters"] >= values.size


def test_within_its_range_nothing_is_kept(tmp_path):
    facts = convert_fp16(bag.folder(tmp_path / "f"), tmp_path / "q", [bag.batch()])
    assert facts["overflowing_nodes"] == {}
    assert facts["kept_nodes"] == []
    assert facts["float_parameters"] == 0


def with_logarithm(path, *, discarded):
    """Write the bag with log(relu(x)), minus infinity at many places, which a Where replaces unless they are to reach the answer."""
    folder = bag.folder(path)
    model = onnx.load(str(folder / "model.onnx"))
    nodes = [
        helper.make_node("Log", ["active"], ["logarithm"], "/encoder/Log"),
        helper.make_node("Greater", ["active", "one"], ["positive"], "/encoder/Greater"),
        helper.make_node("Where", ["positive", "logarithm", "zero"], ["chosen"], "/encoder/Where"),
    ]
    for node in reversed(nodes):
        model.graph.node.insert(3, node)
    mean = next(node for node in model.graph.node if node.op_type == "ReduceMean")
    mean.input[0] = "chosen" if discarded else "logarithm"
    model.graph.initializer.extend(
        numpy_helper.from_array(np.array(at, np.float32), name) for at, name in enumerate(("zero", "one"))
    )
    onnx.save(model, str(folder / "model.onnx"))
    return folder


def test_infinity_that_is_discarded_stays_in_float32(tmp_path):
    source = with_logarithm(tmp_path / "f", discarded=True)
    facts = convert_fp16(source, tmp_path / "q", [bag.batch(rows=2, seed=1)])
    assert sorted(facts["overflowing_nodes"]) == ["/encoder/Log", "/encoder/Where"]
    json.dumps(facts, allow_nan=False)
    assert facts["float16_parameters"] > facts["float_parameters"]
    assert answers(tmp_path / "q") == pytest.approx(answers(source), rel=2e-2, abs=2e-2)


def test_infinity_that_reaches_the_answer_is_told(tmp_path):
    source = with_logarithm(tmp_path / "f", discarded=False)
    with pytest.raises(StageError) as caught:
        convert_fp16(source, tmp_path / "q", [bag.batch(rows=2, seed=1)])
    assert caught.value.problem.code == "Q108"
    assert "logits" in caught.value.problem.sentence


@pytest.mark.model
def test_buckets_of_distances_are_converted(tmp_path):
    from compactor.exporting import export_onnx
    from tests.exporting import tiny

    source = tiny.save_model(tmp_path / "torch", "mpnet")
    export_onnx(source, tmp_path / "f", task=TASKS.load("text-classification")(), pair=False, opset=17)
    rows = [tiny.Rows().batch(np.array([number])) for number in range(4)]
    facts = convert_fp16(tmp_path / "f", tmp_path / "q", rows)
    assert any(name.endswith("Log") for name in facts["overflowing_nodes"])
    before, after = (onnx_answer(tmp_path / name / "model.onnx")(rows[0]) for name in ("f", "q"))
    np.testing.assert_allclose(after, before, atol=2e-2 * np.abs(before).max())


@pytest.mark.parametrize("keep", [(), ("*classifier*",)])
def test_bfloat16_answers_as_its_operators_are_defined(keep, tmp_path):
    source = bag.folder(tmp_path / "f")
    facts = convert_bf16(source, tmp_path / "q", keep=keep)
    model = onnx.load(str(tmp_path / "q/model.onnx"))
    onnx.checker.check_model(model, full_check=True)
    found, expected = answers(tmp_path / "q"), answers(source)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() / np.abs(expected).max() < 0.02
    assert np.abs(found - expected).max() > 0
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert list(kinds.values()).count(TensorProto.FLOAT) == (2 if keep else 0)
    assert facts["bfloat16_parameters"] == sum(array.size for array in (bag.TABLE, bag.WEIGHT)) + (
        0 if keep else bag.HEAD.size + 4
    )
    assert (tmp_path / "q/model.onnx").stat().st_size < 0.6 * (source / "model.onnx").stat().st_size


def test_sixteen_bits_are_not_quantized_again(tmp_path):
    convert_bf16(bag.folder(tmp_path / "f"), tmp_path / "q")
    with pytest.raises(StageError, match="quantized already"):
        convert_fp16(tmp_path / "q", tmp_path / "again")
