"""How a batch of arrays becomes what a model is called with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from compactor.models.families import describe, is_layered


def feed(model: Any, batch: Mapping[str, np.ndarray], device: torch.device | str = "cpu") -> dict[str, Tensor]:
    """Return what a model is called with; segment ids only for a model that tells segments apart.

    Args:
        model: a transformers encoder.
        batch: `input_ids`, `attention_mask`, `token_type_ids`, int64 (rows, length).
        device: where the tensors go.
    """
    names = ["input_ids", "attention_mask"]
    types = describe(model).types if is_layered(model) else None
    if types is not None and types.num_embeddings > 1:
        names.append("token_type_ids")
    return {name: torch.from_numpy(batch[name]).to(device) for name in names}
