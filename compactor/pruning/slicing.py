"""Cuts the units of one layer out of its matrices by hand, where torch-pruning's graph does not see what belongs together.

In grouped-query attention several heads of the query share one of key and value: the graph pairs their rows one to one, which is wrong
and still passes its own check (torch-pruning 1.6.1). Here the unit is one head of key and value with all its queries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    from compactor.pruning.width import Units


def slice_units(where: Units, kept: np.ndarray) -> None:
    """Keep only these units of a layer, in place: rows of what makes them, columns of what reads them.

    Args:
        where: the units of one layer.
        kept: int64 (kept,), ascending.
    """
    for producer in where.producers:
        rows = _places(kept, producer.out_features // where.count)
        producer.weight = nn.Parameter(producer.weight.detach()[rows].clone())
        if producer.bias is not None:
            producer.bias = nn.Parameter(producer.bias.detach()[rows].clone())
        producer.out_features = len(rows)
    columns = _places(kept, where.size)
    where.consumer.weight = nn.Parameter(where.consumer.weight.detach()[:, columns].clone())
    where.consumer.in_features = len(columns)


def _places(kept: np.ndarray, size: int) -> torch.Tensor:
    """Return the rows of units that have so many each, int64."""
    return torch.from_numpy((kept[:, None] * size + np.arange(size)).reshape(-1).astype(np.int64))
