"""A shorter table of positions: rows for texts longer than any that the model will read are bytes in the bundle and nothing else."""

from __future__ import annotations

from typing import Any

from torch import nn

from compactor.base.errors import StageError
from compactor.models.families import describe, is_layered

# Buffers of the embeddings that are as long as the table.
BUFFERS = ("position_ids", "token_type_ids")


def position_table(model: Any) -> nn.Embedding:
    """Return a model's table of learned positions.

    Raises:
        StageError: K221, it has none: they are computed, or it sees images.
    """
    table = describe(model).positions if is_layered(model) else None
    if table is None:
        raise StageError("K221", "this model has no table of positions, so none of it can go", "leave `positions` out")
    return table


def longest_text(model: Any) -> int:
    """Return the most pieces that a model has positions for; RoBERTa's table begins with rows that no piece uses.

    Raises:
        StageError: K221, the model has no table of positions.
    """
    table = position_table(model)
    return table.num_embeddings - _unused(table)


def cut_positions(model: Any, count: int) -> None:
    """Keep the first `count` positions, in place; texts up to that length are answered to the bit as before.

    Args:
        model: a transformers model; its configuration is brought in line.
        count: the most pieces of a text from now on; a model that has no more already stays as it is.

    Raises:
        StageError: K221, the model has no table of positions.
    """
    if count >= longest_text(model):
        return
    encoder = describe(model)
    table: Any = encoder.positions
    rows = count + _unused(table)
    table.weight = nn.Parameter(table.weight.detach()[:rows].clone())
    table.num_embeddings = rows
    for name in BUFFERS:
        buffer = getattr(encoder.embeddings, name, None)
        if buffer is not None:
            setattr(encoder.embeddings, name, nn.Buffer(buffer[..., :rows].clone(), persistent=False))
    model.config.max_position_embeddings = rows


def _unused(table: nn.Embedding) -> int:
    return 0 if table.padding_idx is None else table.padding_idx + 1
