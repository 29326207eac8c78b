"""NF4 and FP4, as bitsandbytes keeps them, for onnxruntime's MatMulBnb4: 4-bit codes of 16 fixed numbers, a magnitude for each block."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from onnx import numpy_helper

from compactor.quantization.custom import add_parts, become, import_domain
from compactor.quantization.folder import write_folder
from compactor.quantization.graph import choose, load_float, split_gemms, strip
from compactor.quantization.tables import TABLE_BITS, put_tables
from compactor.quantization.weight_only import account_weights

Kind = Literal["nf4", "fp4"]
# NF4: quantiles of the normal distribution with an exact zero, Dettmers et al. 2023, "QLoRA" (arXiv:2305.14314), appendix E.
# FP4: one sign, two exponent and one mantissa bit, in the order of the bit patterns, divided by the largest.
CODES: dict[Kind, np.ndarray] = {
    "nf4": np.array(
        (
            *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334),
            *(-0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
            *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
        ),
        dtype=np.float32,
    ),
    "fp4": np.array([0, 0.0625, 8, 12, 4, 6, 2, 3, -0.0, -0.0625, -8, -12, -4, -6, -2, -3], dtype=np.float32) / np.float32(12),
}
NUMBER = {"fp4": 0, "nf4": 1}  # onnxruntime's
SMALLEST = np.float32(1e-38)


@dataclass(frozen=True)
class FourBitFloats:
    """A matrix in 4-bit codes.

    Attributes:
        packed: uint8 (ceil(numbers / 2),), row after row, the first of two codes in the high half.
        largest: float32 (blocks,), the magnitude of each run of `block` numbers; runs go on over the ends of rows.
        shape: (outputs, inputs).
        kind: which 16 numbers.
        block: numbers of a run.
    """

    packed: np.ndarray
    largest: np.ndarray
    shape: tuple[int, int]
    kind: Kind
    block: int

    def dequantized(self) -> np.ndarray:
        """Return the numbers that the runtime computes with, float32 (outputs, inputs)."""
        count = self.shape[0] * self.shape[1]
        codes = np.stack([self.packed >> 4, self.packed & 15], axis=1).reshape(-1)[:count]
        values: np.ndarray = CODES[self.kind][codes] * np.repeat(self.largest, self.block)[:count]
        return values.reshape(self.shape)


def encode_four_bits(weights: np.ndarray, kind: Kind, block: int = 64) -> FourBitFloats:
    """Return the nearest codes, the very ones that `bitsandbytes.functional.quantize_4bit` gives on a processor.

    Args:
        weights: float32 (outputs, inputs).
        kind: `nf4` or `fp4`.
        block: numbers that share a magnitude.
    """
    flat = weights.astype(np.float32).reshape(-1)
    rows = np.pad(flat, (0, -len(flat) % block)).reshape(-1, block)
    largest = np.abs(rows).max(axis=1)
    floor = np.maximum(largest, SMALLEST)[:, None]
    shares = rows * (np.float32(1) / floor)
    if len(flat) % block:
        shares[-1] = rows[-1] / floor[-1]  # a last, shorter run is divided, not multiplied
        largest[-1] = floor[-1, 0]
    order = np.argsort(CODES[kind], kind="stable")
    known = CODES[kind][order]
    wanted = np.pad(shares.reshape(-1)[: len(flat)], (0, len(flat) % 2))  # two codes a byte; the last may be that of a zero
    places = np.searchsorted((known[:-1] + known[1:]) / 2, np.clip(wanted, -1, 1))
    codes = order[places].astype(np.uint8)
    return FourBitFloats((codes[::2] << 4) | codes[1::2], largest, (weights.shape[0], weights.shape[1]), kind, block)


def quantize_four_bit_floats(
    source: Path,
    folder: Path,
    *,
    kind: Kind = "nf4",
    block: int = 64,
    embeddings: bool = True,
    keep: Sequence[str] = (),
    block_tables: bool = True,
) -> dict[str, Any]:
    """Quantize the matrices of an unfused fp32 ONNX folder to NF4 or FP4; activations stay float.

    Args:
        source: ONNX folder in fp32.
        folder: is filled.
        kind: which codes.
        block: weights that share a magnitude: 16, 32, 64, 128 or 256; bitsandbytes takes 64.
        embeddings: quantize the tables too, for which onnxruntime has no such codes: in blocks of 4 bits with a scale and a zero point.
        keep: patterns of node names to leave in float.
        block_tables: as in `weight_only.quantize_weights`.

    Returns:
        `block`, `quantized_nodes`, `kept_nodes`, `quantized_parameters`, `float_parameters`, `operators`, `size_bytes`, `seconds`.

    Raises:
        StageError: Q101 nothing to quantize, Q102 quantized already, Q105 a pattern fits nothing.
    """
    begun = time.perf_counter()
    model = load_float(source)
    split_gemms(model)
    chosen = choose(model, embeddings=embeddings, keep=keep)
    names = dict.fromkeys(node.input[1] for node in model.graph.node if node.name in chosen.products)
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.name in names}
    parameters = sum(array.size for array in arrays.values())
    for name, array in arrays.items():
        found = encode_four_bits(array.T, kind, block)
        add_parts(model, name, {"codes": found.packed, "block_scales": found.largest})
    for node in model.graph.node:
        if node.name in chosen.products:
            _become_product(node, arrays[node.input[1]].shape, kind, block)
    import_domain(model)
    parameters += put_tables(model, chosen.tables, TABLE_BITS, block if block_tables else None)
    strip(model)
    size_bytes = write_folder(model, source, folder, precision=kind)
    told = {"block": block, **account_weights(model, chosen), "quantized_parameters": parameters}
    return {**told, "size_bytes": size_bytes, "seconds": round(time.perf_counter() - begun, 3)}


def _become_product(node: onnx.NodeProto, shape: tuple[int, ...], kind: Kind, block: int) -> None:
    """Turn a MatMul with a matrix (inputs, outputs) into MatMulBnb4, in place."""
    matrix = node.input[1]
    attributes = {"K": shape[0], "N": shape[1], "block_size": block, "quant_type": NUMBER[kind]}
    become(node, "MatMulBnb4", [node.input[0], f"{matrix}_codes", f"{matrix}_block_scales"], attributes)
