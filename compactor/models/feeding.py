"""How a batch of arrays becomes what a model is called with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from compactor.models.families import describe, is_layered

PIXELS, SEGMENTS = "pixel_values", "token_type_ids"
EXAMPLE_LENGTH = 8


def feed(model: Any, batch: Mapping[str, np.ndarray], device: torch.device | str = "cpu") -> dict[str, Tensor]:
    """Return what a model is called with; segment ids only for rows of pairs and a model that tells segments apart.

    Args:
        model: a transformers encoder.
        batch: see `given`.
        device: where the tensors go.
    """
    return fitting(model, given(batch, device))


def given(batch: Mapping[str, np.ndarray], device: torch.device | str = "cpu") -> dict[str, Tensor]:
    """Return all that a batch gives to models, of which each takes what it knows, see `fitting`.

    Args:
        batch: `input_ids`, `attention_mask`, `token_type_ids` (without them all is one segment), int64 (rows, length); or
            `pixel_values` float32 (rows, 3, height, width).
        device: where the tensors go.
    """
    if PIXELS in batch:
        return {PIXELS: torch.from_numpy(batch[PIXELS]).to(device)}
    names = ["input_ids", "attention_mask"]
    if SEGMENTS in batch and batch[SEGMENTS].any():
        names.append(SEGMENTS)
    return {name: torch.from_numpy(batch[name]).to(device) for name in names}


def fitting(model: Any, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the inputs without segment ids, if the model does not tell segments apart."""
    # The model is looked into for batches of pairs alone: all else is segment 0, and looking takes some tenths of a millisecond.
    dropped = {SEGMENTS} if SEGMENTS in inputs and not _tells_segments(model) else set()
    return {name: value for name, value in inputs.items() if name not in dropped}


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
