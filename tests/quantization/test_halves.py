"""float16 keeps out of it what it cannot hold; bfloat16 answers as the definition of its operators says."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from compactor.base.errors import StageError
from compactor.quantization import convert_bf16, convert_fp16
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
