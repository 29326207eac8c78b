"""Rounding as onnxruntime's quantizer and kernels do it, with gradients that pass straight through.

Source of the formulas: ONNX's DynamicQuantizeLinear (opset 11) for activations, `compute_scale_zp` of onnxruntime 1.31's quantizer for
weights; of the gradient: Bengio, Léonard, Courville 2013 (arXiv:1308.3432), the straight-through estimator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

LEVELS = 255  # steps of an unsigned 8-bit activation
# The largest code of a weight, by its bits: symmetric, so that the zero point is 0 (7 bits are 64 on both sides in onnxruntime).
LARGEST_CODE = {8: 127, 7: 64}
SMALLEST_SCALE = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class Codes:
    """Rounded numbers: value = whole * scale.

    Attributes:
        whole: codes with the zero point taken off, float32, so that products of them are exact up to 2^24.
        scale: float32, of a shape that is broadcast over `whole`; no gradient flows through it.
    """

    whole: Tensor
    scale: Tensor

    @property
    def values(self) -> Tensor:
        """Return the rounded numbers, float32."""
        return self.whole * self.scale


class _ToWhole(torch.autograd.Function):
    """Round half to even; the gradient passes as if nothing had been rounded."""

    @staticmethod
    def forward(_context: Any, values: Tensor) -> Tensor:
        return values.round()

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> Tensor:
        return gradient


def to_codes(values: Tensor, scale: Tensor, zero: Tensor | int, low: int, high: int) -> Codes:
    """Round to codes between `low` and `high`: saturate(round(value / scale) + zero) - zero.

    The gradient is the identity for values inside the range and zero for those that are cut off.

    Args:
        values: float32, any shape.
        scale: float32, broadcast over `values`.
        zero: the code of 0.0, whole numbers.
        low: the least code.
        high: the greatest code.
    """
    whole: Tensor = _ToWhole.apply(values / scale)  # type: ignore[no-untyped-call]
    return Codes((whole + zero).clamp(low, high) - zero, scale)


@torch.no_grad()
def unsigned_grid(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Return scale and zero point of unsigned 8-bit numbers whose range holds 0: (high - low) / 255, round(-low / scale).

    Args:
        low: least values, float32; above 0 counts as 0.
        high: greatest values, of the same shape; below 0 counts as 0.
    """
    low, high = low.clamp(max=0.0), high.clamp(min=0.0)
    scale = (high - low) / LEVELS
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return scale, (-low / scale).clamp(0, LEVELS).round()


def round_activations(values: Tensor, mask: Tensor | None) -> Codes:
    """Round the input of a product as DynamicQuantizeLinear does when each text is answered alone: one range a row of the batch.

    The kernel takes one range for the whole tensor. An app that answers one text at a time without padding gives it one text; so
    here each row has its own range, over its own places, and padding takes no part.

    Args:
        values: float32 (rows, ..., width).
        mask: 1 at places that are text, (rows, length), where `values` has such places; else None.
    """
    rest = tuple(range(1, values.ndim))
    with torch.no_grad():
        # The range holds 0 anyway, so that padding may count as 0.
        seen = values if mask is None else values * mask.unsqueeze(-1).to(values.dtype)
        scale, zero = unsigned_grid(seen.amin(rest, keepdim=True), seen.amax(rest, keepdim=True))
    return to_codes(values, scale, zero, 0, LEVELS)


def round_matrix(weight: Tensor, *, bits: int, per_channel: bool) -> Codes:
    """Round a matrix as onnxruntime's quantizer does: symmetric, one scale for each output or one in all.

    Args:
        weight: float32 (outputs, inputs).
        bits: 8, or 7 for processors whose 16-bit sums would overflow.
        per_channel: one scale for each output.
    """
    largest = LARGEST_CODE[bits]
    with torch.no_grad():
        size = weight.abs().amax(1, keepdim=True) if per_channel else weight.abs().amax().reshape(1, 1)
        scale = (size.double() / largest).float()  # the quantizer divides in double precision
        scale = torch.where(scale < SMALLEST_SCALE, torch.ones_like(scale), scale)
    return to_codes(weight, scale, 0, -largest, largest)


def round_rows(rows: Tensor, low: Tensor, high: Tensor) -> Codes:
    """Round rows of a table as onnxruntime's quantizer rounds the whole table: unsigned, one range in all.

    Args:
        rows: float32 (..., width), looked up already.
        low: the least value of the whole table, 0-dimensional.
        high: the greatest.
    """
    scale, zero = unsigned_grid(low.double(), high.double())
    return to_codes(rows, scale.float(), zero.float(), 0, LEVELS)
