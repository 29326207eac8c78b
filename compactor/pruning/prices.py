"""What each neuron and head of an encoder costs: in parameters, and in bytes of the graph that will be shipped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from torch import nn

from compactor.models.families import Layer, describe
from compactor.pruning.allocation import Price
from compactor.pruning.prediction import head_parameters, neuron_parameters
from compactor.pruning.width import Part, units

Precision = Literal["fp32", "int8"]
FLOAT_BYTES = 4
# An output of a matrix in int8 has a scale in float32 and a zero point of one byte.
CHANNEL_BYTES = 5


def parameter_price(model: Any, parts: Sequence[Part]) -> Price:
    """Return the price of a model in parameters; its sum over what is there is the number of parameters exactly."""
    total = sum(parameter.numel() for parameter in model.parameters())
    each = {"intermediate": neuron_parameters, "heads": head_parameters}
    return linear_price(
        "parameters", model, {part: [each[part](layer) for layer in describe(model).parts] for part in parts}, total
    )


def byte_price(model: Any, parts: Sequence[Part], precision: Precision, total: float) -> Price:
    """Return the price of a model in bytes.

    Args:
        model: an encoder.
        parts: what can be cut.
        precision: of the matrices; biases and norms stay in float32. In int8 each output has a scale and a zero point of its own.
        total: bytes of all that is shipped with the model as it is, weighed rather than counted: the graph's nodes and the tokenizer
            are a part of it.
    """
    layers = describe(model).parts
    weight = FLOAT_BYTES if precision == "fp32" else 1
    channel = CHANNEL_BYTES if precision == "int8" else 0
    bytes_of: dict[Part, list[float]] = {}
    for part in parts:
        outputs, values = (_neuron_outputs, neuron_parameters) if part == "intermediate" else (_head_outputs, head_parameters)
        biased = [outputs(layer) for layer in layers]
        bytes_of[part] = [
            weight * (values(layer) - biases) + FLOAT_BYTES * biases + channel * rows
            for layer, (rows, biases) in zip(layers, biased, strict=True)
        ]
    return linear_price("bytes", model, bytes_of, total)


def _neuron_outputs(layer: Layer) -> tuple[int, int]:
    """Return how many rows of matrices a neuron has, and how many of them have a bias."""
    return _rows([linear for linear in (layer.intermediate, layer.gate) if linear is not None])


def _head_outputs(layer: Layer) -> tuple[int, int]:
    """Return the same of a head; in grouped-query attention of one of key and value with all its queries."""
    rows, biases = _rows([layer.query] * layer.group + [layer.key, layer.value])
    return rows * layer.head_size, biases * layer.head_size


def _rows(maps: Sequence[nn.Linear]) -> tuple[int, int]:
    return len(maps), sum(linear.bias is not None for linear in maps)


def linear_price(unit: str, model: Any, each: dict[Part, list[Any]], total: float) -> Price:
    """Return a price in which every unit of a layer costs the same, and the whole model `total`."""
    parts = {
        part: [cost * np.arange(place.count + 1.0) for place, cost in zip(units(model, part), costs, strict=True)]
        for part, costs in each.items()
    }
    cuttable = sum(float(prices[-1]) for layers in parts.values() for prices in layers)
    return Price(unit, total - cuttable, parts)
