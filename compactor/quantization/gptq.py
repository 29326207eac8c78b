"""GPTQ: columns are rounded one after another, and those still to come make up for the error."""

from __future__ import annotations

import numpy as np

from compactor.quantization.blocks import Blocks, encode, grid

LAZY = 128  # columns after which the rest of the matrix is brought up to date
DAMPING = 0.01
MOST_DAMPING = 1.0


def gptq(weights: np.ndarray, moments: np.ndarray, bits: int, block: int) -> Blocks:
    """Quantize a matrix so that its outputs on real inputs stay near.

    Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers" (2022), algorithm 1, with scales
    taken at the start of each block from the weights as they are then. The scales are the ones that the codes are packed with.

    Args:
        weights: float32 (rows, columns), one row an output channel.
        moments: E[x x^T] of the inputs, float64 (columns, columns); a column that is always 0 is allowed.
        bits: of a code.
        block: columns that share a scale; a power of two of at least 16.
    """
    rest = weights.astype(np.float64)
    rows, columns = rest.shape
    factor = inverse_factor(moments)
    codes = np.empty((rows, columns), dtype=np.uint8)
    scales, zeros = [], []
    for start in range(0, columns, LAZY):
        end = min(start + LAZY, columns)
        errors = np.zeros((rows, end - start))
        for column in range(start, end):
            if column % block == 0:
                # LAZY and block are powers of two, so these columns are up to date as far as they may be.
                scale, zero = grid(rest[:, column : column + block], bits)
                scales.append(scale)
                zeros.append(zero)
            codes[:, column] = encode(rest[:, column], scales[-1], zeros[-1], bits)
            rounded = (codes[:, column].astype(np.float64) - zeros[-1]) * scales[-1]
            error = (rest[:, column] - rounded) / factor[column, column]
            rest[:, column + 1 : end] -= np.outer(error, factor[column, column + 1 : end])
            errors[:, column - start] = error
        rest[:, end:] -= errors @ factor[start:end, end:]
    return Blocks(codes, np.stack(scales, axis=1), np.stack(zeros, axis=1), bits, block)


def inverse_factor(moments: np.ndarray) -> np.ndarray:
    """Return the upper Cholesky factor U of the inverse of the damped moments, U^T U = (M + d I)^-1.

    d is 1 % of the mean of the diagonal, and ten times more as long as the matrix is singular to working precision.
    """
    mean = float(np.diag(moments).mean()) or 1.0
    damping = DAMPING
    while True:
        damped = moments + damping * mean * np.eye(len(moments))
        try:
            lower = np.linalg.cholesky(np.linalg.inv(damped))
        except np.linalg.LinAlgError:
            if damping >= MOST_DAMPING:
                raise
            damping *= 10
            continue
        upper: np.ndarray = lower.T
        return upper
