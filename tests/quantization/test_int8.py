"""int8 and fp16: answers stay near, weights within half a step, the same file every time, nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from compactor.base.hashing import hash_file
from compactor.checks.agreement import agreement
from compactor.checks.answers import onnx_answer
from compactor.quantization import convert_fp16, quantize_dynamic_int8, quantize_static_int8
from compactor.quantization.blocks import round_to_nearest
from tests.quantization import bag


def dynamic(source, folder, **changed):
    return quantize_dynamic_int8(source, folder, **{"reduce_range": False, **changed})


def static(source, folder, **changed):
    batches = [bag.batch(seed=seed) for seed in range(20, 40)]
    return quantize_static_int8(source, folder, batches, **{"reduce_range": False, **changed})


METHODS = {"int8-dynamic": dynamic, "int8-static": static, "fp16": convert_fp16}


@pytest.fixture
def source(tmp_path):
    return bag.folder(tmp_path / "onnx")


def agree(source, folder):
    batches = [bag.batch(seed=seed) for seed in range(20)]
    reference, candidate = (
        np.concatenate([answer(batch) for batch in batches])
        for answer in (onnx_answer(source / "model.onnx"), onnx_answer(folder / "model.onnx"))
    )
    return agreement(reference, candidate)


@pytest.mark.parametrize("precision", METHODS)
def test_answers_stay_near_and_the_file_gets_small(precision, source, tmp_path):
    facts = METHODS[precision](source, tmp_path / "out")
    found = agree(source, tmp_path / "out")
    assert found.cosine > 0.9995
    assert found.top1 > 0.97
    before, after = ((folder / "model.onnx").stat().st_size for folder in (source, tmp_path / "out"))
    assert after < before * (0.55 if precision == "fp16" else 0.4)
    assert facts["size_bytes"] == after
    assert json.loads((tmp_path / "out/interface.json").read_text())["precision"] == precision
    assert (tmp_path / "out/labels.json").read_bytes() == (source / "labels.json").read_bytes()


@pytest.mark.parametrize("precision", METHODS)
def test_nodes_stand_behind_those_that_they_read(precision, source, tmp_path):
    METHODS[precision](source, tmp_path / "out")
    onnx.checker.check_model(onnx.load(str(tmp_path / "out/model.onnx")))


@pytest.mark.parametrize("precision", ["int8-dynamic", "int8-static"])
def test_weights_are_kept_within_half_a_step_of_their_column(precision, source, tmp_path):
    METHODS[precision](source, tmp_path / "out")
    weights = {
        tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(str(tmp_path / "out/model.onnx")).graph.initializer
    }
    values, scale = weights["encoder.weight_quantized"], weights["encoder.weight_scale"]
    assert values.dtype == np.int8
    assert scale.shape == (bag.HIDDEN,)
    assert (np.abs(values * scale - bag.WEIGHT) <= scale / 2 * 1.0001).all()
    # the largest weight of a column takes the whole range
    np.testing.assert_array_equal(np.abs(values.astype(int)).max(axis=0), 127)


@pytest.mark.parametrize("precision", ["int8-dynamic", "int8-static"])
def test_tables_in_4_bits_are_looked_up_as_numpy_unpacks_them(precision, source, tmp_path, monkeypatch):
    eight, four = tmp_path / "eight", tmp_path / "four"
    METHODS[precision](source, eight)
    facts = METHODS[precision](source, four, table_block=32)
    assert facts["four_bit_parameters"] == bag.TABLE.size
    assert facts["int8_parameters"] == bag.WEIGHT.size + bag.HEAD.size
    assert (
        facts["float_parameters"] == METHODS[precision](source, tmp_path / "again")["float_parameters"] - 1
    )  # a table's one scale
    assert facts["operators"]["GatherBlockQuantized"] == 1
    small, large = ((folder / "model.onnx").stat().st_size for folder in (four, eight))
    assert large - small > 0.2 * bag.TABLE.size  # 4 bits and the scales instead of 8
    # The same products behind a table of the unpacked values answer the same.
    monkeypatch.setattr(bag, "TABLE", round_to_nearest(bag.TABLE, 4, 32).dequantized())
    unpacked = bag.folder(tmp_path / "unpacked")
    METHODS[precision](unpacked, tmp_path / "float-table", embeddings=False)
    assert agree(tmp_path / "float-table", four).relative_error < (1e-5 if precision == "int8-dynamic" else 0.02)


@pytest.mark.parametrize("precision", ["int8-dynamic", "int8-static"])
@pytest.mark.parametrize("block", [32, 64])  # 64 does not divide the width: the table gets 8 bits
def test_tables_in_blocks_make_no_noise(precision, block, source, tmp_path, caplog, capfd):
    METHODS[precision](source, tmp_path / "out", table_block=block)
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("precision", ["int8-dynamic", "int8-static"])
def test_a_table_alone_can_be_quantized(precision, source, tmp_path):
    products = ["/encoder/MatMul", "/classifier/*"]
    facts = METHODS[precision](source, tmp_path / "out", table_block=32, keep=products)
    assert (facts["four_bit_parameters"], facts["int8_parameters"]) == (bag.TABLE.size, 0)
    assert agree(source, tmp_path / "out").cosine > 0.98


@pytest.mark.parametrize("precision", ["int8-dynamic", "int8-static"])
def test_a_scale_for_each_column_beats_one_for_all(precision, tmp_path, monkeypatch):
    uneven = bag.WEIGHT * np.logspace(-2, 0, bag.HIDDEN, dtype=np.float32)
    monkeypatch.setattr(bag, "WEIGHT", uneven)
    source = bag.folder(tmp_path / "onnx")
    METHODS[precision](source, tmp_path / "column", embeddings=False)
    METHODS[precision](source, tmp_path / "one", per_channel=False, embeddings=False)
    assert agree(source, tmp_path / "column").relative_error < agree(source, tmp_path / "one").relative_error


@pytest.mark.parametrize("precision", ["int8-dynamic", "int8-static"])
def test_seven_bits_where_the_processor_would_overflow(precision, source, tmp_path):
    METHODS[precision](source, tmp_path / "out", reduce_range=True)
    weights = {
        tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(str(tmp_path / "out/model.onnx")).graph.initializer
    }
    assert np.abs(weights["encoder.weight_quantized"].astype(int)).max() <= 64
    assert json.loads((tmp_path / "out/interface.json").read_text())["reduce_range"] is True


def test_what_is_kept_stays_in_float(source, tmp_path):
    facts = dynamic(source, tmp_path / "out", keep=("*classifier*",), embeddings=False)
    weights = {tensor.name: tensor.data_type for tensor in onnx.load(str(tmp_path / "out/model.onnx")).graph.initializer}
    assert weights["embeddings.weight"] == onnx.TensorProto.FLOAT
    assert not any("classifier" in name and "quantized" in name for name in weights)
    assert facts["int8_parameters"] == bag.WIDTH * bag.HIDDEN
    assert facts["kept_nodes"] == ["/classifier/MatMul", "/embeddings/Gather"]


def test_static_answers_do_not_depend_on_the_batch(source, tmp_path):
    static(source, tmp_path / "static")
    dynamic(source, tmp_path / "dynamic")
    batch = bag.batch(rows=8)
    moved = {}
    for method in ("static", "dynamic"):
        answer = onnx_answer(tmp_path / method / "model.onnx")
        alone = np.concatenate([answer({name: rows[[index]] for name, rows in batch.items()}) for index in range(8)])
        moved[method] = np.abs(answer(batch) - alone).max()
    assert moved["static"] < 1e-5 < moved["dynamic"]


def test_only_products_read_quantized_activations_in_static_form(tmp_path):
    """A residual sum beside a product reads the float tensor, not one that went through 8 bits."""
    source = bag.folder(tmp_path / "onnx")
    model = onnx.load(str(source / "model.onnx"))
    side = onnx.helper.make_node("ReduceMax", ["hidden"], ["side"], "/side", keepdims=0)
    model.graph.node.insert(1, side)
    model.graph.output.append(onnx.helper.make_tensor_value_info("side", onnx.TensorProto.FLOAT, []))
    onnx.save(model, str(source / "model.onnx"))
    static(source, tmp_path / "out")
    nodes = onnx.load(str(tmp_path / "out/model.onnx")).graph.node
    makers = {output: node.op_type for node in nodes for output in node.output}
    read = {node.name: makers[node.input[0]] for node in nodes if node.name in {"/side", "/encoder/MatMul"}}
    tables = {node.output[0] for node in nodes if node.op_type == "DequantizeLinear" and "embeddings" in node.name}
    assert read["/encoder/MatMul"] == "DequantizeLinear"
    assert next(node.input[0] for node in nodes if node.name == "/side") in tables


@pytest.mark.parametrize("precision", METHODS)
def test_the_same_bytes_under_another_hash_seed(precision, source, tmp_path):
    METHODS[precision](source, tmp_path / "here")
    code = (
        "import sys; from pathlib import Path; from tests.quantization.test_int8 import METHODS;"
        f"METHODS[{precision!r}](Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(source), str(tmp_path / "there")],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        check=True,
    )
    assert hash_file(tmp_path / "here/model.onnx") == hash_file(tmp_path / "there/model.onnx")


@pytest.mark.parametrize("precision", METHODS)
def test_nothing_is_left_anywhere_else(precision, source, tmp_path, monkeypatch, capfd, caplog):
    elsewhere, here = tmp_path / "temporary", tmp_path / "here"
    elsewhere.mkdir()
    here.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    monkeypatch.chdir(here)
    before = {path.name: path.read_bytes() for path in source.iterdir()}
    METHODS[precision](source, tmp_path / "out")
    assert not list(elsewhere.iterdir())
    assert not list(here.iterdir())
    assert {path.name: path.read_bytes() for path in source.iterdir()} == before
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(before)
    assert capfd.readouterr().out == ""
    assert not caplog.records


def test_a_quantizer_that_fails_is_told_and_cleaned_up(source, tmp_path, monkeypatch):
    import onnxruntime.quantization

    from compactor.base.errors import StageError

    def fail(*_arguments, **_options):
        raise Exception("Unable to find data type for weight_name=x")  # noqa: TRY002  # as the quantizer does

    monkeypatch.setattr(onnxruntime.quantization, "quantize_dynamic", fail)
    with pytest.raises(StageError, match="Unable to find data type"):
        dynamic(source, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_an_attribute_of_gemm_that_is_not_plain_is_left_alone(tmp_path):
    source = bag.folder(tmp_path / "onnx")
    model = onnx.load(str(source / "model.onnx"))
    model.graph.node[-1].attribute.append(onnx.helper.make_attribute("alpha", 0.5))
    onnx.save(model, str(source / "model.onnx"))
    facts = dynamic(source, tmp_path / "out", keep=("*classifier*",))
    assert facts["kept_nodes"] == ["/classifier/Gemm"]
    assert agree(source, tmp_path / "out").cosine > 0.999
