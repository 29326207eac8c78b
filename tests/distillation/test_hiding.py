"""Pieces hidden while training."""

from __future__ import annotations

import numpy as np

from compactor.distillation.hiding import hide_pieces


def test_the_share_is_kept_and_ends_and_padding_stay() -> None:
    lengths = np.random.default_rng(0).integers(3, 40, 500)
    mask = (np.arange(40)[None, :] < lengths[:, None]).astype(np.int64)
    batch = {"input_ids": np.where(mask, 9, 0), "attention_mask": mask}
    hidden = hide_pieces(batch, 0.25, 4, np.random.default_rng(1))["input_ids"] == 4
    inner = mask.astype(bool)
    inner[:, 0] = False
    inner[np.arange(500), lengths - 1] = False
    assert not hidden[~inner].any()
    assert abs(hidden[inner].mean() - 0.25) < 0.02
    assert not (batch["input_ids"] == 4).any()
