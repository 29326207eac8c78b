"""Matrices in 2, 4 or 8 bits, a scale and a zero point for each block of a row, packed as onnxruntime reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BITS = (2, 4, 8)
# W (rows, columns): one row an output channel, blocks run along the inputs.


@dataclass(frozen=True)
class Blocks:
    """A quantized matrix (rows, columns): value = (code - zero) * scale.

    Attributes:
        codes: uint8 (rows, columns), 0 to 2^bits - 1.
        scales: float32 (rows, blocks); positive.
        zeros: uint8 (rows, blocks).
        bits: 2, 4 or 8.
        block: columns that share a scale; the last block may be shorter.
    """

    codes: np.ndarray
    scales: np.ndarray
    zeros: np.ndarray
    bits: int
    block: int

    def dequantized(self) -> np.ndarray:
        """Return the values that the runtime computes with, float32 (rows, columns)."""
        columns = np.arange(self.codes.shape[1]) // self.block
        steps = self.codes.astype(np.float32) - self.zeros[:, columns]
        values: np.ndarray = steps * self.scales[:, columns]
        return values

    def packed_codes(self) -> np.ndarray:
        """Return uint8 (rows, blocks, block * bits / 8), low bits first, the last block filled up with its zero point."""
        blocks = self.scales.shape[1]
        filled = np.repeat(self.zeros, self.block, axis=1)
        filled[:, : self.codes.shape[1]] = self.codes
        return pack(filled, self.bits).reshape(len(filled), blocks, -1)

    def packed_zeros(self) -> np.ndarray:
        """Return uint8 (rows, ceil(blocks * bits / 8)), low bits first."""
        lacking = -self.zeros.shape[1] % (8 // self.bits)
        return pack(np.pad(self.zeros, ((0, 0), (0, lacking))), self.bits)


def pack(codes: np.ndarray, bits: int) -> np.ndarray:
    """Put several codes into each byte, the first into the lowest bits; uint8 (rows, n) to uint8 (rows, n * bits / 8)."""
    each = 8 // bits
    parts = codes.reshape(len(codes), -1, each).astype(np.uint8)
    packed = np.zeros(parts.shape[:2], dtype=np.uint8)
    for position in range(each):
        packed |= parts[:, :, position] << np.uint8(bits * position)
    return packed


def grid(weights: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the scale and zero point of each row, so that 0 and both ends of the row are on the grid (the zero exactly).

    Args:
        weights: (rows, columns of one block).
        bits: of a code.

    Returns:
        float32 (rows,), uint8 (rows,).
    """
    levels = 2**bits - 1
    low, high = np.minimum(weights.min(axis=1), 0), np.maximum(weights.max(axis=1), 0)
    scales = ((high - low) / levels).astype(np.float32)
    scales = np.where(scales > 0, scales, np.float32(1))
    zeros = np.clip(np.rint(-low / scales), 0, levels).astype(np.uint8)
    return scales, zeros


def encode(weights: np.ndarray, scales: np.ndarray, zeros: np.ndarray, bits: int) -> np.ndarray:
    """Return the nearest codes, uint8; all of one shape or broadcast to it."""
    codes: np.ndarray = np.clip(np.rint(weights / scales) + zeros, 0, 2**bits - 1).astype(np.uint8)
    return codes


def round_to_nearest(weights: np.ndarray, bits: int, block: int) -> Blocks:
    """Quantize a matrix (rows, columns), each weight by itself."""
    starts = range(0, weights.shape[1], block)
    scales, zeros = (
        np.stack(part, axis=1) for part in zip(*(grid(weights[:, at : at + block], bits) for at in starts), strict=True)
    )
    columns = np.arange(weights.shape[1]) // block
    return Blocks(encode(weights, scales[:, columns], zeros[:, columns], bits), scales, zeros, bits, block)


def output_error(weights: np.ndarray, rounded: np.ndarray, moments: np.ndarray) -> float:
    """Return the mean squared error of a product's outputs, summed over the outputs: tr(D M D^T), D the difference of the weights.

    Args:
        weights: (rows, columns).
        rounded: what stands in its place.
        moments: E[x x^T] of the inputs, float64 (columns, columns).
    """
    difference = weights.astype(np.float64) - rounded
    return float(np.einsum("ij,ij->", difference @ moments, difference))
