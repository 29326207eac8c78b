"""Matrices of a graph rounded with an eye on their real inputs: what GPTQ and AWQ need to know, collected and put to use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from compactor.quantization.awq import awq_scales
from compactor.quantization.blocks import Blocks, output_error, round_to_nearest
from compactor.quantization.gptq import gptq
from compactor.quantization.observing import levels, observe
from compactor.quantization.scaling import scale_inputs

Batches = Sequence[dict[str, np.ndarray]]
Rounded = tuple[dict[str, Blocks], dict[str, Any]]


class Moments:
    """E[x x^T] and E|x| of a tensor's last axis over rows and positions, float64, streamed."""

    def __init__(self) -> None:
        self.second: np.ndarray = np.zeros(0)
        self.magnitude: np.ndarray = np.zeros(0)
        self._count = 0

    def add(self, values: np.ndarray) -> None:
        """Take in values (..., columns)."""
        rows = values.reshape(-1, values.shape[-1]).astype(np.float64)
        total, share = self._count + len(rows), self._count / (self._count + len(rows))
        second, magnitude = rows.T @ rows / total, np.abs(rows).sum(axis=0) / total
        self.second = self.second * share + second if self._count else second
        self.magnitude = self.magnitude * share + magnitude if self._count else magnitude
        self._count = total


def moments(model: onnx.ModelProto, names: Sequence[str], batches: Batches, place: Path) -> dict[str, Moments]:
    """Return the moments of some tensors; batches must be without padding, which would count."""
    found = {name: Moments() for name in names}
    for tensors in observe(model, names, batches, place):
        for name, values in zip(names, tensors, strict=True):
            found[name].add(values)
    return found


def round_with_gptq(
    model: onnx.ModelProto, products: Sequence[str], batches: Batches, bits: int, block: int, place: Path
) -> Rounded:
    """Round matrices from the input on, each on the inputs that the matrices before it, rounded already, leave it.

    Args:
        model: in fp32; not changed.
        products: names of MatMul nodes with a constant matrix. Of several with the same matrix, the first one's inputs count.
        batches: inputs by name, without padding.
        bits: of a code.
        block: weights that share a scale.
        place: folder for graphs.

    Returns:
        Matrices (outputs, inputs) by the initializer's name; `output_error`, `output_error_rtn`.
    """
    working = onnx.ModelProto()
    working.CopyFrom(model)
    nodes = {node.output[0]: node for node in working.graph.node if node.name in products}
    weights = {tensor.name: tensor for tensor in working.graph.initializer}
    rounded: dict[str, Blocks] = {}
    errors = _Errors()
    for outputs in levels(working, list(nodes)):
        found = moments(working, list(dict.fromkeys(nodes[name].input[0] for name in outputs)), batches, place)
        for node in (nodes[name] for name in outputs):
            matrix, second = node.input[1], found[node.input[0]].second
            if matrix in rounded:
                continue
            values = numpy_helper.to_array(weights[matrix]).T
            rounded[matrix] = gptq(values, second, bits, block)
            errors.add(values, rounded[matrix].dequantized(), round_to_nearest(values, bits, block).dequantized(), second)
            weights[matrix].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(rounded[matrix].dequantized().T), matrix))
    return rounded, errors.told()


def round_with_awq(
    model: onnx.ModelProto, products: Sequence[str], batches: Batches, bits: int, block: int, place: Path
) -> Rounded:
    """Scale the inputs of matrices, then round; the model is scaled in place. Arguments and result as `round_with_gptq`."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    chosen = [node for node in model.graph.node if node.name in products]
    found = moments(model, list(dict.fromkeys(node.input[0] for node in chosen)), batches, place)
    rounded: dict[str, Blocks] = {}
    errors, ways = _Errors(), []
    for source, each in found.items():
        nodes = [node for node in chosen if node.input[0] == source]
        names = list(dict.fromkeys(node.input[1] for node in nodes))
        before = {name: numpy_helper.to_array(weights[name]).T.copy() for name in names}
        scales = awq_scales(list(before.values()), each.second, each.magnitude, bits, block)
        shared = any(node.input[1] in names and node not in nodes for node in model.graph.node if len(node.input) > 1)
        if shared or (scales == scales[0]).all():
            scales = np.ones_like(scales)
        else:
            ways.append(scale_inputs(model, nodes, scales))
        for name, values in before.items():
            rounded[name] = round_to_nearest(values * scales, bits, block)
            plain = round_to_nearest(values, bits, block).dequantized()
            errors.add(values, rounded[name].dequantized() / scales, plain, each.second)
    return rounded, {**errors.told(), "scaled_inputs": {way: ways.count(way) for way in sorted(set(ways))}}


class _Errors:
    """Mean relative errors of the products, beside those of rounding to nearest."""

    def __init__(self) -> None:
        self._found: list[tuple[float, float]] = []

    def add(self, values: np.ndarray, rounded: np.ndarray, nearest: np.ndarray, second: np.ndarray) -> None:
        """Take in one matrix, all (outputs, inputs)."""
        power = output_error(values, np.zeros_like(values), second) or 1.0
        self._found.append((output_error(values, rounded, second) / power, output_error(values, nearest, second) / power))

    def told(self) -> dict[str, float]:
        """Return the means."""
        own, nearest = np.mean(self._found, axis=0) if self._found else (0.0, 0.0)
        return {"output_error": float(f"{own:.4g}"), "output_error_rtn": float(f"{nearest:.4g}")}
