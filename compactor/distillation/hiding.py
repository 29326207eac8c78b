"""Hides pieces of a text at random while training, so that no single piece is relied on."""

from __future__ import annotations

import numpy as np


def hide_pieces(
    batch: dict[str, np.ndarray], share: float, mask_id: int, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return a batch in which about `share` of the pieces are the mask piece; the first and the last piece of a row stay.

    Args:
        batch: `input_ids` and `attention_mask`, int64 (rows, length), padding on the right.
        share: probability of each piece.
        mask_id: what stands there instead.
        generator: its state decides which.
    """
    mask = batch["attention_mask"].astype(bool)
    inner = mask.copy()
    inner[:, 0] = False
    inner[np.arange(len(mask)), mask.sum(axis=1) - 1] = False
    hidden = inner & (generator.random(mask.shape) < share)
    return {**batch, "input_ids": np.where(hidden, mask_id, batch["input_ids"])}
