"""NF4 and FP4: the codes of bitsandbytes, and onnxruntime's kernel against the numbers that they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.quantization.four_bit_floats import CODES, encode_four_bits
from tests.quantization import bag

KINDS = ("nf4", "fp4")


@pytest.mark.parametrize("kind", KINDS)
def test_codes_are_the_nearest_and_survive_another_round(kind):
    weights = np.random.default_rng(0).normal(size=(24, 32)).astype(np.float32)
    found = encode_four_bits(weights, kind, 64)
    assert (found.packed.shape, found.largest.shape) == ((24 * 32 // 2,), (12,))
    each = np.repeat(found.largest, 64).reshape(weights.shape)
    nearest = np.abs(weights[..., None] / each[..., None] - CODES[kind]).min(axis=-1)
    assert np.abs(found.dequantized() / each - weights / each) == pytest.approx(nearest, abs=1e-6)
    again = encode_four_bits(found.dequantized(), kind, 64)
    assert np.array_equal(again.dequantized(), found.dequantized())


@pytest.mark.model
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("shape", "block"), [((48, 128), 64), ((7, 9), 32), ((64, 64), 128), ((3, 5), 64)])
def test_codes_are_those_of_bitsandbytes(kind, shape, block):
    functional = pytest.importorskip("bitsandbytes.functional")
    import torch

    generator = np.random.default_rng(1)
    weights = (generator.normal(size=shape) * generator.choice([1e-3, 1.0, 50.0], (shape[0], 1))).astype(np.float32)
    weights[0] = 0.0  # zeros, also a block of nothing else
    packed, state = functional.quantize_4bit(torch.from_numpy(weights), blocksize=block, quant_type=kind)
    found = encode_four_bits(weights, kind, block)
    assert np.array_equal(found.largest, state.absmax.numpy())
    theirs = packed.numpy().reshape(-1)
    values = CODES[kind][np.stack([theirs >> 4, theirs & 15], axis=1).reshape(-1)[: weights.size]]
    assert np.array_equal(
        found.dequantized(), values.reshape(shape) * np.repeat(state.absmax.numpy(), block)[: weights.size].reshape(shape)
    )
    if kind == "nf4":  # FP4 has two codes for zero
        assert np.array_equal(found.packed, theirs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("block_tables", [True, False])
def test_the_graph_answers_with_the_numbers_that_the_codes_stand_for(kind, block_tables, tmp_path):
    import onnxruntime

    from compactor.quantization import quantize_four_bit_floats

    facts = quantize_four_bit_floats(
        bag.folder(tmp_path / "f"), tmp_path / "q", kind=kind, block=32, keep=["*embeddings*"], block_tables=block_tables
    )
    assert facts["operators"] == {"MatMulBnb4": 2}
    encoder, head = (encode_four_bits(array, kind, 32).dequantized() for array in (bag.WEIGHT.T, bag.HEAD))
    ids = bag.batch()["input_ids"]
    expected = np.maximum(bag.TABLE[ids] @ encoder.T, 0).mean(axis=1) @ head.T + np.arange(bag.LABELS)
    found = onnxruntime.InferenceSession(str(tmp_path / "q/model.onnx")).run(None, {"input_ids": ids})[0]
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_tables_get_blocks_of_four_bits_or_eight_bits(tmp_path):
    from compactor.quantization import quantize_four_bit_floats

    source = bag.folder(tmp_path / "f")
    new = quantize_four_bit_floats(source, tmp_path / "new", block=32)
    old = quantize_four_bit_floats(source, tmp_path / "old", block=32, block_tables=False)
    assert new["operators"] == {"GatherBlockQuantized": 1, "MatMulBnb4": 2}
    assert old["operators"] == {"DequantizeLinear": 1, "MatMulBnb4": 2}
    assert new["float_parameters"] == 4  # the bias
