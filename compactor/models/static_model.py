"""The static model: a bag of piece vectors.

    text = sum_i w[p_i] E[p_i] / sqrt(n),   logits = head(text)

with p_1 .. p_n the text's pieces, special ones included and padding not. The weight w of a piece is trained and multiplied into the
table E when the model is saved, so that the graph is a lookup, a sum, a division and the head. The sum over the root of n keeps the
size of a text vector the same for short and long texts if its pieces are independent; a mean would make long texts small.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from compactor.models.piece_model import Head, PieceConfig, PieceModel

# Hash of a pair of neighbours (a, b): (a * FACTOR + b) modulo the rows of the table, row 0 kept for pairs with padding.
FACTOR = 1_000_003


class StaticConfig(PieceConfig):
    """Configuration of a static model.

    Args:
        bigrams: rows of the table of hashed pairs; 0 for none.
        piece_weights: whether w is there beside the table; False once it is folded.
        kwargs: see `PieceConfig`.
    """

    model_type = "compactor-static"

    def __init__(self, bigrams: int = 0, piece_weights: bool = False, **kwargs: Any) -> None:
        self.bigrams, self.piece_weights = bigrams, piece_weights
        super().__init__(**kwargs)


class StaticForSequenceClassification(PieceModel):
    """A bag of piece vectors and a head; see the module's formula."""

    config_class = StaticConfig

    def __init__(self, config: StaticConfig) -> None:
        super().__init__(config)
        self.weights = nn.Parameter(torch.ones(config.vocab_size)) if config.piece_weights else None
        self.bigrams = nn.Embedding(config.bigrams, config.hidden_size, padding_idx=0) if config.bigrams else None
        self.classifier = Head(config.hidden_size, config.head, config.num_labels, config.dropout)
        self.post_init()

    def vectors(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return piece vectors (rows, length, hidden) and the text vectors (rows, hidden)."""
        pieces = self.embeddings(ids)
        if self.weights is not None:
            pieces = pieces * self.weights[ids].unsqueeze(-1)
        total = pieces.sum(dim=1)
        if self.bigrams is not None:
            total = total + self.bigrams(self._pairs(ids)).sum(dim=1)
        return pieces, total / self._root_of_count(ids)

    def _root_of_count(self, ids: Tensor) -> Tensor:
        """Return sqrt(n), at least 1, float32 (rows, 1); the norm of a vector of ones is one node where sum and root are two."""
        real = ids.clamp(max=1) if self.padding == 0 else ids != self.padding
        root: Tensor = torch.linalg.vector_norm(real.to(self.embeddings.weight.dtype), dim=1, keepdim=True)
        return root.clamp(min=1.0)

    def _pairs(self, ids: Tensor) -> Tensor:
        """Return the rows of the second table for neighbouring pieces, int64 (rows, length - 1); 0 where one of them is padding."""
        table = cast("nn.Embedding", self.bigrams)
        left, right = ids[:, :-1], ids[:, 1:]
        hashed = (left * FACTOR + right) % (table.num_embeddings - 1) + 1
        return torch.where((left != self.padding) & (right != self.padding), hashed, torch.zeros_like(hashed))

    @torch.no_grad()
    def fold(self) -> None:
        """Multiply the weight of each piece into its row of the table."""
        if self.weights is not None:
            self.embeddings.weight.mul_(self.weights.unsqueeze(1))
            self.weights = None
            self.config.piece_weights = False
