"""Ranges of activations against numpy and onnxruntime's own calibrator; biases corrected until the mean answers agree."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from compactor.base.errors import StageError
from compactor.checks.answers import onnx_answer
from compactor.quantization import quantize_static_int8
from compactor.quantization.calibration import activation_ranges
from compactor.quantization.histogram import Histogram, entropy_range, least_divergence, percentile_range
from tests.quantization import bag


@pytest.fixture
def values():
    """A bell with a long tail to one side, in pieces of growing scale: the histogram must widen several times."""
    rng = np.random.default_rng(3)
    return [
        (rng.normal(size=4000) * scale + shift).astype(np.float32) for scale, shift in [(0.01, 0), (1, 0.5), (1, 0), (3, 4)]
    ]


def filled(values, bins=16384):
    histogram = Histogram(bins)
    for part in values:
        histogram.add(part)
    return histogram


@pytest.mark.parametrize("percentile", [90, 99, 99.9, 100])
def test_percentiles_are_numpys_within_a_bin(values, percentile):
    histogram, whole = filled(values), np.concatenate(values)
    cut = (100 - percentile) / 2
    expected = np.percentile(whole, [cut, 100 - cut], method="inverted_cdf")
    np.testing.assert_allclose(percentile_range(histogram, percentile), expected, atol=histogram.width * 1.001)


def test_no_value_is_lost_when_a_histogram_widens(values):
    histogram, whole = filled(values, 64), np.concatenate(values)
    np.testing.assert_array_equal(histogram.counts, np.histogram(whole, histogram.edges)[0])
    assert len(histogram.counts) == 64
    assert histogram.limit / 2 <= np.abs(whole).max() < histogram.limit


def test_the_least_divergence_is_onnxruntimes(values):
    from onnxruntime.quantization.calibrate import HistogramCollector

    whole = np.concatenate(values * 20)
    counts, edges = np.histogram(whole, bins=513, range=(-np.abs(whole).max(), np.abs(whole).max()))
    collector = HistogramCollector("entropy", False, 513, 128, 99.9, "same")
    expected = collector.get_entropy_threshold((counts, edges, whole.min(), whole.max(), None), 128)
    low, high = least_divergence(counts, edges, 128)
    np.testing.assert_allclose([max(low, whole.min()), min(high, whole.max())], expected, rtol=0.02)


def test_entropy_cuts_a_lonely_outlier_off():
    bell = np.random.default_rng(0).normal(size=200_000).astype(np.float32)
    low, high = entropy_range(filled([bell, np.array([60.0])]))
    assert 3 < high < 15
    assert -15 < low < -3


def test_extremes_of_real_tensors_lie_outside_the_percentiles(tmp_path):
    batches = [bag.batch(seed=seed) for seed in range(20)]
    found = {
        method: activation_ranges(bag.model(), ["hidden", "pooled"], batches, method=method, place=tmp_path, percentile=99)
        for method in ("minmax", "average", "percentile", "entropy")
    }
    hidden = np.concatenate([bag.TABLE[batch["input_ids"]].ravel() for batch in batches])
    np.testing.assert_allclose(found["minmax"]["hidden"], (hidden.min(), hidden.max()))
    np.testing.assert_allclose(found["percentile"]["hidden"], np.percentile(hidden, [0.5, 99.5]), atol=0.02)
    for low, high in (found[method]["pooled"] for method in ("average", "percentile", "entropy")):
        assert found["minmax"]["pooled"][0] <= low < high <= found["minmax"]["pooled"][1]


@pytest.mark.parametrize("method", ["minmax", "percentile"])
def test_no_rows_and_no_numbers_are_told(method, tmp_path, monkeypatch):
    with pytest.raises(StageError, match="no rows"):
        activation_ranges(bag.model(), ["hidden"], [], method=method, place=tmp_path)
    monkeypatch.setattr(bag, "TABLE", np.full_like(bag.TABLE, np.nan))
    with pytest.raises(StageError, match="hidden"):
        activation_ranges(bag.model(), ["hidden"], [bag.batch()], method=method, place=tmp_path)


@pytest.mark.parametrize("form", ["Gemm", "MatMul and Add"])
def test_the_mean_answer_is_that_of_the_float_model_after_bias_correction(form, tmp_path, monkeypatch):
    # A range cut short moves every mean: what the correction is for.
    monkeypatch.setattr(bag, "TABLE", bag.TABLE + 0.3)
    source = bag.folder(tmp_path / "onnx")
    if form != "Gemm":
        from compactor.quantization.graph import split_gemms

        model = onnx.load(str(source / "model.onnx"))
        split_gemms(model)
        onnx.save(model, str(source / "model.onnx"))
    batches = [bag.batch(seed=seed) for seed in range(20, 40)]
    options = {"reduce_range": False, "method": "percentile", "percentile": 90}
    quantize_static_int8(source, tmp_path / "plain", batches, **options)
    facts = quantize_static_int8(source, tmp_path / "corrected", iter(batches), **options, bias_correction=True)
    assert facts["corrected_biases"] == 1  # the first product of the bag has no bias
    means = {
        name: np.concatenate([onnx_answer(path / "model.onnx")(batch) for batch in batches]).mean(axis=0)
        for name, path in {"float": source, "plain": tmp_path / "plain", "corrected": tmp_path / "corrected"}.items()
    }
    before, after = (np.abs(means[name] - means["float"]).max() for name in ("plain", "corrected"))
    assert before > 0.1
    assert after < 1e-3


def test_a_product_is_corrected_behind_those_that_are_corrected_already(tmp_path, monkeypatch):
    """With a bias before the rectifier the second product's inputs move when the first one is corrected."""
    monkeypatch.setattr(bag, "TABLE", bag.TABLE + 0.3)
    source = bag.folder(tmp_path / "onnx")
    model = onnx.load(str(source / "model.onnx"))
    add = onnx.helper.make_node("Add", ["product", "encoder.bias"], ["biased"], "/encoder/Add")
    model.graph.node.insert(2, add)
    model.graph.node[3].input[0] = "biased"
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.full(bag.HIDDEN, 0.2, dtype=np.float32), "encoder.bias"))
    onnx.save(model, str(source / "model.onnx"))
    batches = [bag.batch(seed=seed) for seed in range(20, 40)]
    options = {"reduce_range": False, "method": "percentile", "percentile": 90, "bias_correction": True}
    assert quantize_static_int8(source, tmp_path / "out", batches, **options)["corrected_biases"] == 2
    means = [
        np.concatenate([onnx_answer(path / "model.onnx")(batch) for batch in batches]).mean(axis=0)
        for path in (source, tmp_path / "out")
    ]
    assert np.abs(means[0] - means[1]).max() < 1e-3
