"""Weights in blocks of few bits: packed as the runtime reads them; GPTQ and AWQ lose less than rounding to nearest."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compactor.base.errors import StageError
from compactor.checks.answers import onnx_answer
from compactor.quantization import quantize_weights
from compactor.quantization.awq import awq_scales
from compactor.quantization.blocks import encode, grid, output_error, round_to_nearest
from compactor.quantization.gptq import gptq, inverse_factor
from compactor.quantization.graph import split_gemms
from compactor.quantization.scaling import scale_inputs
from tests.quantization import bag


@pytest.fixture
def layer():
    """Weights (24, 160) and the second moments of correlated inputs, a few of them large, as activations are."""
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(2000, 20)) @ rng.normal(size=(20, 160)) + 0.3 * rng.normal(size=(2000, 160))
    inputs[:, ::40] *= 12
    return rng.normal(size=(24, 160)).astype(np.float32), inputs.T @ inputs / len(inputs), np.abs(inputs).mean(axis=0)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("block", [16, 64])
def test_a_weight_is_off_by_half_a_step_and_zero_stays_zero(layer, bits, block):
    weights = layer[0].copy()
    weights[:, 5] = 0
    blocks = round_to_nearest(weights, bits, block)
    steps = np.repeat(blocks.scales, block, axis=1)[:, : weights.shape[1]]
    # the zero point is a whole number, so the far end of a block may be off by half a step more
    assert (np.abs(blocks.dequantized() - weights) <= steps * 1.0001).all()
    assert np.median(np.abs(blocks.dequantized() - weights) / steps) < 0.5
    assert not blocks.dequantized()[:, 5].any()


@pytest.mark.parametrize("bits", [2, 4])
def test_gptq_and_awq_lose_less_than_rounding_to_nearest(layer, bits):
    weights, moments, magnitudes = layer
    nearest = output_error(weights, round_to_nearest(weights, bits, 32).dequantized(), moments)
    assert output_error(weights, gptq(weights, moments, bits, 32).dequantized(), moments) < 0.6 * nearest
    scales = awq_scales([weights], moments, magnitudes, bits, 32)
    scaled = round_to_nearest(weights * scales, bits, 32).dequantized() / scales
    assert output_error(weights, scaled, moments) < 0.8 * nearest


def test_gptq_is_its_definition(layer):
    """Column by column, every later column updated at once, without the lazy blocks."""
    weights, moments, _ = layer
    rest, factor, rounded = weights.astype(np.float64), inverse_factor(moments), np.empty_like(weights)
    for column in range(weights.shape[1]):
        if column % 32 == 0:
            scale, zero = grid(rest[:, column : column + 32], 4)
        rounded[:, column] = (encode(rest[:, column], scale, zero, 4).astype(float) - zero) * scale
        rest[:, column + 1 :] -= np.outer(
            (rest[:, column] - rounded[:, column]) / factor[column, column], factor[column, column + 1 :]
        )
    np.testing.assert_allclose(gptq(weights, moments, 4, 32).dequantized(), rounded, atol=1e-5)


def test_gptq_rounds_to_nearest_where_inputs_are_independent(layer):
    weights = layer[0]
    np.testing.assert_array_equal(gptq(weights, np.eye(160) * 3, 4, 32).codes, round_to_nearest(weights, 4, 32).codes)


def test_gptq_takes_inputs_that_are_always_zero_or_copies_of_each_other(layer):
    weights, moments, _ = layer
    moments = moments.copy()
    moments[:, 7] = moments[7] = 0
    moments[:, 9], moments[9] = moments[:, 8], moments[8]
    assert np.isfinite(gptq(weights, moments, 4, 32).dequantized()).all()
    np.testing.assert_allclose(
        inverse_factor(moments).T @ inverse_factor(moments) @ (moments + 0.01 * np.diag(moments).mean() * np.eye(160)),
        np.eye(160),
        atol=1e-6,
    )


def test_the_inverse_factor_is_upper(layer):
    upper = inverse_factor(layer[1])
    np.testing.assert_array_equal(upper, np.triu(upper))


def reference(source, folder, batch):
    """Answer with the weights that lie in the quantized file, unpacked here, in numpy."""
    tensors = {t.name: numpy_helper.to_array(t) for t in onnx.load(str(folder / "model.onnx")).graph.initializer}
    bits = json.loads((folder / "interface.json").read_text())["precision"].split("-")[0].removeprefix("int")

    def unpacked(name, columns, bits):
        def spread(packed):
            return np.stack([packed >> (bits * at) & (2**bits - 1) for at in range(8 // bits)], axis=-1).reshape(
                len(packed), -1
            )

        scales = tensors[f"{name}_block_scales"]
        zeros = spread(tensors[f"{name}_zeros"])[:, : scales.shape[1]]
        codes = spread(tensors[f"{name}_codes"].reshape(len(scales), -1))
        block = codes.shape[1] // scales.shape[1]
        return ((codes - zeros.repeat(block, 1).astype(float)) * scales.repeat(block, 1))[:, :columns]

    hidden = unpacked("embeddings.weight", bag.WIDTH, max(4, int(bits)))[batch["input_ids"]]
    active = np.maximum(hidden @ unpacked("encoder.weight", bag.WIDTH, int(bits)).T, 0).mean(axis=1)
    return active @ unpacked("classifier.weight_transposed", bag.HIDDEN, int(bits)).T + np.arange(bag.LABELS)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("algorithm", ["rtn", "gptq"])
def test_the_runtime_answers_as_numpy_with_the_unpacked_weights(bits, algorithm, tmp_path):
    source, batch = bag.folder(tmp_path / "onnx"), bag.batch(seed=50)
    batches = [bag.batch(seed=seed) for seed in range(8)]
    options = {"algorithm": algorithm, "bits": bits, "block": 16}
    facts = quantize_weights(source, tmp_path / "exact", batches, **options, accuracy_level=0)
    quantize_weights(source, tmp_path / "fast", batches, **options)
    expected = reference(source, tmp_path / "exact", batch)
    np.testing.assert_allclose(onnx_answer(tmp_path / "exact/model.onnx")(batch), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(onnx_answer(tmp_path / "fast/model.onnx")(batch), expected, atol=0.02 * np.abs(expected).max())
    assert facts["operators"] == {"GatherBlockQuantized": 1, "MatMulNBits": 2}
    assert facts["quantized_parameters"] == bag.PIECES * bag.WIDTH + bag.WIDTH * bag.HIDDEN + bag.LABELS * bag.HIDDEN
    assert facts["float_parameters"] == bag.LABELS
    assert (tmp_path / "exact/model.onnx").stat().st_size == facts["size_bytes"]


@pytest.mark.parametrize("algorithm", ["gptq", "awq"])
def test_a_whole_model_loses_less_with_calibration(algorithm, tmp_path, monkeypatch):
    rng = np.random.default_rng(5)
    table = rng.normal(size=(bag.PIECES, 6)) @ rng.normal(size=(6, bag.WIDTH)) + 0.2 * rng.normal(size=(bag.PIECES, bag.WIDTH))
    table[:, ::9] *= 10
    monkeypatch.setattr(bag, "TABLE", table.astype(np.float32))
    source = bag.folder(tmp_path / "onnx")
    batches = [bag.batch(seed=seed) for seed in range(20)]
    options = {"embeddings": False, "accuracy_level": 0, "bits": 4}
    quantize_weights(source, tmp_path / "rtn", **options)
    facts = quantize_weights(source, tmp_path / "own", batches, algorithm=algorithm, **options)
    answers = {
        name: np.concatenate([onnx_answer(path / "model.onnx")(bag.batch(seed=seed)) for seed in range(60, 80)])
        for name, path in {"float": source, "rtn": tmp_path / "rtn", "own": tmp_path / "own"}.items()
    }
    nearest, own = (((answers[name] - answers["float"]) ** 2).mean() for name in ("rtn", "own"))
    assert own < 0.8 * nearest
    assert facts["output_error"] < facts["output_error_rtn"]


@pytest.mark.parametrize("norm", [False, True])
def test_scaling_leaves_the_float_model_unchanged(norm, tmp_path):
    model = bag.model()
    split_gemms(model)
    if norm:  # a pre-norm model: the product alone reads the norm
        gain = [numpy_helper.from_array(np.linspace(0.5, 2, bag.WIDTH, dtype=np.float32), name) for name in ("gain", "bias")]
        model.graph.initializer.extend(gain)
        model.graph.node.insert(1, helper.make_node("LayerNormalization", ["hidden", "gain", "bias"], ["normed"], "/norm"))
        model.graph.node[2].input[0] = "normed"
    onnx.save(model, str(tmp_path / "before.onnx"))
    node = next(node for node in model.graph.node if node.name == "/encoder/MatMul")
    scales = np.logspace(-1, 1, bag.WIDTH, dtype=np.float32)
    assert scale_inputs(model, [node], scales) == ("folded" if norm else "multiplied")
    assert sum(node.op_type == "Mul" for node in model.graph.node) == (not norm)
    onnx.checker.check_model(model)
    onnx.save(model, str(tmp_path / "after.onnx"))
    before, after = (onnx_answer(tmp_path / f"{name}.onnx")(bag.batch()) for name in ("before", "after"))
    np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-5)


def test_a_table_that_blocks_do_not_fit_gets_int8_and_what_is_kept_stays(tmp_path):
    source = bag.folder(tmp_path / "onnx")
    facts = quantize_weights(source, tmp_path / "out", block=64, keep=("*classifier*",))
    assert facts["operators"] == {"DequantizeLinear": 1, "MatMulNBits": 1}
    assert facts["kept_nodes"] == ["/classifier/MatMul"]
    kinds = {t.name: t.data_type for t in onnx.load(str(tmp_path / "out/model.onnx")).graph.initializer}
    assert kinds["classifier.weight_transposed"] == TensorProto.FLOAT
    with pytest.raises(StageError) as caught:
        quantize_weights(tmp_path / "out", tmp_path / "twice")
    assert caught.value.problem.code == "Q102"
    with pytest.raises(StageError, match="no rows"):
        quantize_weights(source, tmp_path / "none", algorithm="gptq")
