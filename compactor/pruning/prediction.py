"""What a cut will leave, by arithmetic: the number of parameters, to be held against the real one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from compactor.models.families import Layer, describe, piece_table


def predicted_parameters(
    model: Any,
    *,
    layers: Sequence[int] | None = None,
    intermediate: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    pieces: int | None = None,
) -> int:
    """Return how many parameters an encoder has after a cut; the model is not touched.

    Args:
        model: the encoder before the cut.
        layers: numbers of the layers that stay; None for all.
        intermediate: neurons of each of these layers; None for what they have.
        heads: heads of each of these layers; None for what they have.
        pieces: rows of the word embedding; None for what it has.
    """
    total: int = sum(parameter.numel() for parameter in model.parameters())
    if pieces is not None:
        table = piece_table(model)
        total -= (table.num_embeddings - pieces) * table.embedding_dim
    if layers is None and intermediate is None and heads is None:
        return total
    encoder = describe(model)
    stay = range(len(encoder.parts)) if layers is None else layers
    total -= sum(_size(part.module) for number, part in enumerate(encoder.parts) if number not in stay)
    for place, number in enumerate(stay):
        part = encoder.parts[number]
        if intermediate is not None:
            total -= (part.intermediate.out_features - intermediate[place]) * _neuron(part)
        if heads is not None:
            total -= (part.heads - heads[place]) * part.head_size * _head_input(part)
    return total


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _neuron(part: Layer) -> int:
    """Return the parameters of one neuron: its row, its bias, its column."""
    return part.intermediate.in_features + (part.intermediate.bias is not None) + part.output.out_features


def _head_input(part: Layer) -> int:
    """Return the parameters of one number of a head: a row and a bias of query, key and value, and a column of the output."""
    rows: int = sum(linear.in_features + (linear.bias is not None) for linear in (part.query, part.key, part.value))
    return rows + part.attention_output.out_features
