"""How a batch of arrays becomes what a model is called with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from compactor.models.families import describe, is_layered

PIXELS = "pixel_values"
EXAMPLE_LENGTH = 8


def feed(model: Any, batch: Mapping[str, np.ndarray], device: torch.device | str = "cpu") -> dict[str, Tensor]:
    """Return what a model is called with; segment ids only for rows of pairs and a model that tells segments apart.

    Args:
        model: a transformers encoder.
        batch: `input_ids`, `attention_mask`, `token_type_ids` (without them all is one segment), int64 (rows, length); or
            `pixel_values` float32 (rows, 3, height, width).
        device: where the tensors go.
    """
    if PIXELS in batch:
        return {PIXELS: torch.from_numpy(batch[PIXELS]).to(device)}
    names = ["input_ids", "attention_mask"]
    # The model is looked into for batches of pairs alone: all else is segment 0, and looking takes some tenths of a millisecond.
    if "token_type_ids" in batch and batch["token_type_ids"].any() and _tells_segments(model):
        names.append("token_type_ids")
    return {name: torch.from_numpy(batch[name]).to(device) for name in names}


def _tells_segments(model: Any) -> bool:
    types = describe(model).types if is_layered(model) else None
    return types is not None and types.num_embeddings > 1


def example(model: Any) -> dict[str, Tensor]:
    """Return the smallest inputs that a model can be traced with: one row of ones, or one black image."""
    if is_layered(model) and describe(model).sees_images:
        size = model.config.image_size
        height, width = (size, size) if isinstance(size, int) else size
        return {PIXELS: torch.zeros(1, 3, height, width)}
    ones = torch.ones(1, EXAMPLE_LENGTH, dtype=torch.long)
    return {"input_ids": ones, "attention_mask": ones}
