"""First vectors for the pieces of a small model: what an encoder makes of each piece alone, reduced to a few directions.

Sources: Model2Vec (Tulkens and van Dongen 2024, minish.ai) sends each piece through a sentence encoder and reduces the outputs by PCA;
the first weight a / (a + p) is the smooth inverse frequency of Arora, Liang, Ma 2017, "A simple but tough-to-beat baseline for
sentence embeddings" (ICLR), section 3, where it is fixed; here it is only where training begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from compactor.models.families import describe
from compactor.models.feeding import feed

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PIECES_AT_ONCE = 256
# Spread of the numbers that a table begins with; its vectors are then about as long as those of the layers after it expect.
SPREAD = 0.3


def encoder_vectors(model: Any, rows: Sequence[Sequence[int]], pad_id: int) -> Tensor:
    """Return the mean of an encoder's last states over each short row of ids, float32 (rows, width).

    Args:
        model: a transformers encoder with layers; put into `eval()`.
        rows: ids of each piece with the special pieces around it, if any; a row without ids is one of padding.
        pad_id: fills shorter rows; it is masked.

    Raises:
        StageError: L120 the model has no layers.
    """
    body, found = describe(model).body.eval(), list[Tensor]()
    for start in range(0, len(rows), PIECES_AT_ONCE):
        # A row masked whole has no mean.
        some = [row or [pad_id] for row in rows[start : start + PIECES_AT_ONCE]]
        longest = max(len(row) for row in some)
        mask = np.array([[1] * len(row) + [0] * (longest - len(row)) for row in some], dtype=np.int64)
        ids = np.array([[*row, *[pad_id] * (longest - len(row))] for row in some], dtype=np.int64)
        batch = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        with torch.no_grad():
            states = body(**feed(model, batch)).last_hidden_state.float()
        real = torch.from_numpy(mask).unsqueeze(-1)
        found.append((states * real).sum(dim=1) / real.sum(dim=1))
    return torch.cat(found)


def spelt(tokenizer: Tokenizer, pieces: Sequence[str], *, alone: bool = False) -> list[list[int]]:
    """Return each piece as the ids of an encoder's tokenizer.

    A piece that the tokenizer does not have is spelt in those that it has, without the mark of a word's inside.

    Args:
        tokenizer: the encoder's.
        pieces: as they stand in a vocabulary, such as `##ing`.
        alone: leave out the special pieces that the tokenizer puts around a text.
    """
    around = [] if alone else tokenizer.encode("").ids
    before = (len(around) + 1) // 2
    rows = []
    for piece in pieces:
        number = tokenizer.token_to_id(piece)
        inner = [number] if number is not None else tokenizer.encode(piece.removeprefix("##"), add_special_tokens=False).ids
        rows.append([*around[:before], *inner, *around[before:]])
    return rows


def reduced(vectors: Tensor, width: int, special: Iterable[int] = ()) -> tuple[Tensor, float]:
    """Return (table, share): vectors on their main directions, float32 (pieces, width), and the share of the variance kept.

    The mean over pieces is taken off first: it says nothing about a text. Special pieces begin at zero. A width beyond that of the
    vectors is filled with zeros.

    Args:
        vectors: float32 (pieces, H).
        width: number of directions.
        special: ids of pieces that are no words.
    """
    words = torch.ones(len(vectors), dtype=torch.bool)
    words[list(special)] = False
    centred = (vectors - vectors[words].mean(dim=0)).double()
    values, directions = torch.linalg.eigh(centred[words].T @ centred[words])
    directions = directions.flip(1)[:, :width]
    # Signs of eigenvectors are arbitrary: the largest entry is made positive, so that equal inputs give equal tables.
    directions = directions * directions.gather(0, directions.abs().argmax(dim=0, keepdim=True)).sign()
    table = torch.zeros(len(vectors), width, dtype=torch.float64)
    table[:, : directions.shape[1]] = centred @ directions
    table[~words] = 0.0
    table *= SPREAD / table[words].square().mean().sqrt().clamp_min(1e-12)
    return table.float(), float(values.flip(0)[:width].sum() / values.sum().clamp_min(1e-12))


def piece_shares(batches: Iterable[Mapping[str, np.ndarray]], pieces: int) -> Tensor:
    """Return the share that each piece has in encoded rows, padding left out: float32 (pieces,), summing to 1 (or 0 without rows)."""
    counts = np.zeros(pieces, dtype=np.int64)
    for batch in batches:
        counts += np.bincount(batch["input_ids"][batch["attention_mask"].astype(bool)], minlength=pieces)
    return torch.from_numpy(counts / max(1, counts.sum())).float()


def smooth_inverse_frequency(shares: Tensor, smoothing: float) -> Tensor:
    """Return a / (a + p), float32 (pieces,): 1 for a piece that is never seen, a half where p is a."""
    return smoothing / (smoothing + shares) if smoothing else torch.ones_like(shares)
