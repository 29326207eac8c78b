"""Hides pieces of a text at random while training, so that no single piece is relied on."""

from __future__ import annotations

import numpy as np

# The finalizer of SplitMix64 (Steele, Lea, Flood 2014) turns a counter into 64 bits that look random.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def hide_pieces(
    batch: dict[str, np.ndarray], share: float, mask_id: int, rows: np.ndarray, moment: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Return a batch in which about `share` of the pieces are the mask piece; the first and the last piece of a row stay.

    Which ones follows from the row, the place and the moment alone, not from the batch that the row is in.

    Args:
        batch: `input_ids` and `attention_mask`, int64 (rows, length), padding on the right.
        share: probability of each piece.
        mask_id: what stands there instead.
        rows: int (rows,), the rows' numbers in their split.
        moment: seed and step.
    """
    mask = batch["attention_mask"].astype(bool)
    inner = mask.copy()
    inner[:, 0] = False
    inner[np.arange(len(mask)), mask.sum(axis=1) - 1] = False
    hidden = inner & (_uniform(rows, mask.shape[1], moment) < share)
    return {**batch, "input_ids": np.where(hidden, mask_id, batch["input_ids"])}


def _uniform(rows: np.ndarray, length: int, moment: tuple[int, ...]) -> np.ndarray:
    """Return numbers from 0 to 1, float64 (rows, length)."""
    start = np.random.SeedSequence(moment).generate_state(1, np.uint64)
    with np.errstate(over="ignore"):
        of_row = _mixed(start + np.asarray(rows, dtype=np.uint64) * GOLDEN)
        bits = _mixed(of_row[:, None] + np.arange(1, length + 1, dtype=np.uint64)[None, :] * GOLDEN)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(bits: np.ndarray) -> np.ndarray:
    bits = (bits ^ (bits >> np.uint64(30))) * FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * SECOND
    mixed: np.ndarray = bits ^ (bits >> np.uint64(31))
    return mixed
