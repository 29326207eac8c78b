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
        heads: heads (of key and value, where those are fewer) of each of these layers; None for what they have.
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
            total -= (part.intermediate.out_features - intermediate[place]) * neuron_parameters(part)
        if heads is not None:
            total -= (part.kv_heads - heads[place]) * head_parameters(part)
    return total


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def neuron_parameters(part: Layer) -> int:
    """Return the parameters of one neuron: its row and bias (two of each where a gate stands beside it), and its column."""
    rows = sum(
        linear.in_features + (linear.bias is not None) for linear in (part.intermediate, part.gate) if linear is not None
    )
    return rows + part.output.out_features


def head_parameters(part: Layer) -> int:
    """Return the parameters of one head: for each of its numbers a row and a bias of query, key and value, and a column of the output.

    In grouped-query attention a head is one of key and value with all the queries that share it.
    """
    query, shared = part.query, (part.key, part.value)
    rows = part.group * (query.in_features + (query.bias is not None))
    rows += sum(linear.in_features + (linear.bias is not None) for linear in shared)
    return part.head_size * (rows + part.group * part.attention_output.out_features)
