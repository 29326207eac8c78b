"""Attention of a narrower model from a wider one's: the heads that matter most, smaller where the student's heads are smaller."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from compactor.models.families import Layer

# What a head that is larger than the teacher's is filled up with.
FILL_SPREAD = 0.02


def project_attention(source: Layer, target: Layer, directions: Tensor, context: Tensor) -> None:
    """Fill the attention of a student's layer; call under `no_grad`.

    The student's heads are the teacher's with the most energy in the residual stream. A smaller head keeps the best approximation of
    the bilinear form qᵀk, and of the map value → stream, by truncated singular value decomposition, biases included; in a larger head
    the further channels begin without influence.

    Args:
        source: the teacher's layer.
        target: the student's layer.
        directions: P (H, d).
        context: what goes into the teacher's attention output map, (pieces, heads * head size).
    """
    size, wanted = source.head_size, target.head_size
    output = source.attention_output.weight
    energy = torch.stack(
        [
            (context[:, head] @ output[:, head].T).square().sum()
            for head in (_channels(number, size) for number in range(source.heads))
        ]
    )
    chosen = energy.argsort(descending=True, stable=True)[: target.heads].sort().values.tolist()
    for number in range(target.heads):
        ours = _channels(number, wanted)
        if number >= len(chosen):
            target.attention_output.weight[:, ours] = 0.0
            continue
        theirs = _channels(chosen[number], size)
        query, key = _narrow_scores(_out_of(source.query, theirs, directions), _out_of(source.key, theirs, directions), wanted)
        value, out = _narrow_values(_out_of(source.value, theirs, directions), directions.T @ output[:, theirs], wanted)
        for linear, rows in ((target.query, query), (target.key, key), (target.value, value)):
            linear.weight[ours], linear.bias[ours] = rows[:, :-1], rows[:, -1]
        target.attention_output.weight[:, ours] = out
    target.attention_output.bias.copy_(directions.T @ source.attention_output.bias)


def _channels(head: int, size: int) -> slice:
    return slice(head * size, (head + 1) * size)


def _out_of(linear: nn.Linear, channels: slice, directions: Tensor) -> Tensor:
    """Return the projected rows of a map out of the stream, the bias as a last column: (head size, d + 1)."""
    return torch.cat([linear.weight[channels] @ directions, linear.bias[channels, None]], dim=1)


def _narrow_scores(query: Tensor, key: Tensor, wanted: int) -> tuple[Tensor, Tensor]:
    """Return query and key rows (wanted, d + 1) whose products, divided by sqrt(wanted), are what the given ones' were."""
    size = len(query)
    if wanted > size:
        rest = torch.randn(wanted - size, query.shape[1]) * FILL_SPREAD
        key, query = torch.cat([key, rest]), torch.cat([query, torch.zeros_like(rest)])
    elif wanted < size:
        left, values, right = torch.linalg.svd(query.T @ key, full_matrices=False)
        roots = values[:wanted].sqrt()[:, None]
        query, key = roots * left.T[:wanted], roots * right[:wanted]
    return query * (wanted / size) ** 0.5, key


def _narrow_values(value: Tensor, output: Tensor, wanted: int) -> tuple[Tensor, Tensor]:
    """Return value rows (wanted, d + 1) and output columns (d, wanted) whose product is nearest to the given ones'."""
    size = len(value)
    if wanted > size:
        rest = torch.randn(wanted - size, value.shape[1]) * FILL_SPREAD
        return torch.cat([value, rest]), torch.cat([output, torch.zeros(len(output), wanted - size)], dim=1)
    if wanted < size:
        left, values, right = torch.linalg.svd(output @ value, full_matrices=False)
        roots = values[:wanted].sqrt()
        return roots[:, None] * right[:wanted], left[:, :wanted] * roots
    return value, output
