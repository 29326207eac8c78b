"""A factorized piece table: a narrow table times a projection to the width that the model reads.

    E (V, h)  ≈  T (V, e) · P (e, h),    V·e + e·h numbers instead of V·h

As in ALBERT (Lan et al. 2020, arXiv:1909.11942, section 3.1), but positions and segments stay at full width, so that at e = h nothing
changes. T and P begin as the truncated singular value decomposition of the table, the nearest matrix of rank e (Eckart, Young 1936).

`factorized_embedding` in config.json says e. A reader that does not know it finds a table of another width and refuses the folder.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from compactor.base.errors import StageError
from compactor.models.families import piece_table

FIELD = "factorized_embedding"


class FactorizedEmbedding(nn.Embedding):
    """A lookup in a narrow table, followed by a projection without bias.

    It is an `nn.Embedding` of the narrow table, so that whatever cuts, counts or trains a piece table finds it as it expects.
    """

    def __init__(self, pieces: int, narrow: int, width: int, padding_idx: int | None = None) -> None:
        super().__init__(pieces, narrow, padding_idx)
        self.projection = nn.Linear(narrow, width, bias=False)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # torch's own name
        """Return the vectors of ids, float32 (..., width)."""
        projected: Tensor = self.projection(super().forward(input))
        return projected


def factorize(model: Any, narrow: int) -> float:
    """Put a factorized table in the place of a model's piece table; return the share of the table's energy that it keeps.

    Args:
        model: an encoder; changed in place, its configuration too.
        narrow: width e of the narrow table.

    Raises:
        StageError: L174 the table is not wider than that.
    """
    table = piece_table(model)
    pieces, width = table.weight.shape
    if isinstance(table, FactorizedEmbedding) or narrow >= min(pieces, width):
        sentence = f"a piece table of {pieces} pieces and width {width} cannot be factorized to width {narrow}"
        raise StageError("L174", sentence, "give a smaller embedding, or leave it out")
    left, values, right = torch.linalg.svd(table.weight.detach().double(), full_matrices=False)
    smaller = shaped(model, narrow)
    with torch.no_grad():
        smaller.weight.copy_(left[:, :narrow] * values[:narrow])
        smaller.projection.weight.copy_(right[:narrow].T)
    return float(values[:narrow].square().sum() / values.square().sum())


def shaped(model: Any, narrow: int) -> FactorizedEmbedding:
    """Put an uninitialised factorized table in a model's place for the piece table, note it in the configuration, and return it."""
    table = piece_table(model)
    smaller = FactorizedEmbedding(table.num_embeddings, narrow, table.embedding_dim, table.padding_idx)
    model.set_input_embeddings(smaller)
    setattr(model.config, FIELD, narrow)
    return smaller


def whole_table(table: nn.Embedding) -> Tensor:
    """Return the table that a lookup amounts to, float32 (pieces, width): of a factorized one the product, without gradient."""
    if isinstance(table, FactorizedEmbedding):
        return table.weight.detach() @ table.projection.weight.detach().T
    return table.weight.detach()


def read_factor(config: Any) -> int | None:
    """Return the narrow width that a configuration names; None for an ordinary table."""
    narrow = getattr(config, FIELD, None)
    return int(narrow) if narrow else None
