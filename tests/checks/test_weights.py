"""Findings on a quantized graph's weights: tables in float, weights twice, sums that overflow, kernels that may be missing."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper

from compactor.checks.weights import beyond_half, duplicates, few_bits, float_tables, saturation, tables_in_bytes
from compactor.targets import Target
from tests.quantization import bag


def target(**changed):
    return Target(name="here", title="", machine="any", **changed)


def test_a_table_in_float_is_told_with_its_bytes(tmp_path):
    from compactor.quantization import quantize_dynamic_int8

    found = list(float_tables(bag.model(), place="model.onnx"))
    assert [finding.code for finding in found] == ["Q116"]
    assert f"{4 * bag.PIECES * bag.WIDTH:,}" in found[0].sentence
    quantize_dynamic_int8(bag.folder(tmp_path / "onnx"), tmp_path / "out", reduce_range=False)
    import onnx

    assert not list(float_tables(onnx.load(str(tmp_path / "out/model.onnx")), place="model.onnx"))


@pytest.mark.parametrize(("block", "told"), [(64, ["set weights: {block: 32}"]), (32, []), (16, [])])
def test_tables_that_no_block_divides_are_told_to_have_8_bits(tmp_path, block, told):
    import onnx

    from compactor.quantization import quantize_dynamic_int8

    quantize_dynamic_int8(bag.folder(tmp_path / "onnx"), tmp_path / "out", reduce_range=False, table_block=block)
    found = list(tables_in_bytes(onnx.load(str(tmp_path / "out/model.onnx")), block, place="model.onnx"))
    assert [finding.hint for finding in found] == told
    assert all(finding.code == "Q127" and "rows of 32 numbers" in finding.sentence for finding in found)


def test_weights_that_lie_there_twice_are_told_with_what_they_waste():
    model = bag.model()
    assert not list(duplicates(model, place="model.onnx"))
    model.graph.initializer.append(numpy_helper.from_array(bag.TABLE, "again"))
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(3, dtype=np.float32), "small"))
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(3, dtype=np.float32), "small too"))
    (found,) = duplicates(model, place="model.onnx")
    assert f"{bag.TABLE.nbytes:,} bytes" in found.sentence
    assert "again is embeddings.weight" in found.sentence


@pytest.mark.parametrize(("dot", "reduced", "told"), [(True, False, 0), (False, True, 0), (False, False, 1)])
def test_sums_overflow_only_with_eight_bits_and_without_dot_products(dot, reduced, told):
    assert len(list(saturation(target(int8_dot_product=dot), reduce_range=reduced, place="model.onnx"))) == told


def test_kernels_of_an_old_runtime_are_not_promised():
    assert not list(few_bits(target(oldest_onnxruntime="1.31"), place="model.onnx"))
    assert [finding.code for finding in few_bits(target(oldest_onnxruntime="1.16"), place="model.onnx")] == ["Q119"]


def test_what_float16_cannot_hold_is_told_with_the_farthest_node():
    assert not list(beyond_half({}, place="model.onnx"))
    (found,) = beyond_half({"/a": 70_000.0, "/b": 3e6}, place="model.onnx")
    assert found.code == "Q124"
    assert "2 nodes stay in fp32" in found.sentence
    assert "/b has up to 3,000,000" in found.sentence
    (found,) = beyond_half({"/a": 3.4e38}, place="model.onnx")
    assert found.sentence.endswith("/a has up to 3.4e+38 or infinity")
