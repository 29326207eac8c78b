"""Pieces hidden while training."""

from __future__ import annotations

import numpy as np

from compactor.distillation.hiding import hide_pieces


def test_the_share_is_kept_and_ends_and_padding_stay() -> None:
    lengths = np.random.default_rng(0).integers(3, 40, 500)
    mask = (np.arange(40)[None, :] < lengths[:, None]).astype(np.int64)
    batch = {"input_ids": np.where(mask, 9, 0), "attention_mask": mask}
    hidden = hide_pieces(batch, 0.25, 4, np.arange(500), (0, 1))["input_ids"] == 4
    inner = mask.astype(bool)
    inner[:, 0] = False
    inner[np.arange(500), lengths - 1] = False
    assert not hidden[~inner].any()
    assert abs(hidden[inner].mean() - 0.25) < 0.02
    assert not (batch["input_ids"] == 4).any()


def test_the_same_pieces_are_hidden_in_any_batch_and_others_at_another_moment() -> None:
    mask = np.ones((50, 30), dtype=np.int64)
    batch = {"input_ids": np.full((50, 30), 9), "attention_mask": mask}
    rows, order = np.arange(100, 150), np.random.default_rng(0).permutation(50)
    whole = hide_pieces(batch, 0.3, 4, rows, (0, 7))["input_ids"]
    part = hide_pieces({name: value[order[:10]] for name, value in batch.items()}, 0.3, 4, rows[order[:10]], (0, 7))[
        "input_ids"
    ]
    assert (part == whole[order[:10]]).all()
    other = hide_pieces(batch, 0.3, 4, rows, (0, 8))["input_ids"]
    assert abs(np.corrcoef((whole == 4).ravel(), (other == 4).ravel())[0, 1]) < 0.15
    assert abs(np.corrcoef((whole[:-1] == 4)[:, 1:-1].ravel(), (whole[1:] == 4)[:, 1:-1].ravel())[0, 1]) < 0.1
