"""AWQ: input channels that carry large activations are scaled up before rounding, so that their weights are rounded finer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compactor.quantization.blocks import output_error, round_to_nearest

STEPS = 20
SMALLEST = 1e-4


def awq_scales(weights: Sequence[np.ndarray], moments: np.ndarray, magnitudes: np.ndarray, bits: int, block: int) -> np.ndarray:
    """Return the scale of each input channel with the least output error after rounding.

    s = mean|x|^a, a on a grid of 20 from 0 (no scaling) below 1, divided by the root of its largest times its smallest: Lin et al.,
    "AWQ: Activation-aware Weight Quantization" (2023), section 3.2, as in the authors' auto_scale. The search for clipped
    ranges is left out.

    Args:
        weights: matrices that read the same input (query, key and value), each float32 (outputs, columns); they share the scales.
        moments: E[x x^T] of the input, float64 (columns, columns).
        magnitudes: E|x| of the input, float64 (columns,).
        bits: of a code.
        block: columns that share a scale.

    Returns:
        float32 (columns,), positive. The weights are to be multiplied by it and the input divided.
    """
    best, least = np.ones(len(magnitudes), dtype=np.float32), np.inf
    for step in range(STEPS):
        scales = np.maximum(magnitudes, SMALLEST) ** (step / STEPS)
        scales = np.maximum(scales / np.sqrt(scales.max() * scales.min()), SMALLEST).astype(np.float32)
        error = sum(
            output_error(each, round_to_nearest(each * scales, bits, block).dequantized() / scales, moments) for each in weights
        )
        if error < least:
            best, least = scales, error
    return best
