"""Piece tables from co-occurrence."""

from __future__ import annotations

import numpy as np

from compactor.models.cooccurrence import SPREAD, cooccurrence_embeddings


def rows() -> list[dict[str, np.ndarray]]:
    """Two topics of ten pieces each, 5 to 14 and 15 to 24, never mixed; piece 30 stands nowhere."""
    generator = np.random.default_rng(0)
    ids = np.stack([np.concatenate([[2], generator.integers(5, 15, 8) + 10 * (number % 2), [3]]) for number in range(400)])
    return [{"input_ids": ids[start : start + 100], "attention_mask": np.ones_like(ids[:100])} for start in range(0, 400, 100)]


def table() -> np.ndarray:
    return cooccurrence_embeddings(rows(), pieces=31, width=8, special=range(5), seed=0)


def test_pieces_of_one_topic_are_near_each_other() -> None:
    unit = table()[5:25]
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    cosine = unit @ unit.T
    assert cosine[:10, :10].mean() > cosine[:10, 10:].mean() + 0.3


def test_every_piece_is_as_long_as_the_spread_says_and_the_same_each_time() -> None:
    values = table()
    assert values.shape == (31, 8)
    assert values.dtype == np.float32
    assert np.allclose(np.linalg.norm(values[5:25], axis=1), SPREAD * np.sqrt(8), rtol=1e-3)
    assert np.abs(values[30]).max() > 0
    assert np.array_equal(values, table())


def test_padding_does_not_count() -> None:
    padded = [{name: np.pad(array, ((0, 0), (0, 4))) for name, array in batch.items()} for batch in rows()]
    other = cooccurrence_embeddings(padded, pieces=31, width=8, special=range(5), seed=0)
    assert np.allclose(other, table(), atol=1e-6)


def test_a_table_wider_than_there_are_pieces() -> None:
    values = cooccurrence_embeddings(rows(), pieces=31, width=64, special=range(5), seed=0)
    assert np.isfinite(values).all()
