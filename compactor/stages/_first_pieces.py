"""First values of the piece table of a model made from nothing, told by which pieces stand together in the training texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compactor.stages._contract import Work


def fill_pieces(model: Any, work: Work, seed: int) -> None:
    """Give the piece table of a model, in place, its first values by co-occurrence in the training rows.

    Args:
        model: reads the pieces of the tokenizer in `work.folder`.
        work: gives the rows.
        seed: of the decomposition.
    """
    import numpy as np
    import torch

    from compactor.models.cooccurrence import cooccurrence_embeddings
    from compactor.models.wordpiece import SPECIAL_PIECES
    from compactor.stages._inputs import encoded

    rows, table = encoded(work, work.folder, "train"), model.get_input_embeddings().weight
    order = np.argsort(rows.lengths, kind="stable")
    batches = (rows.batch(order[start : start + 1000]) for start in range(0, len(order), 1000))
    pieces, width = table.shape
    values = cooccurrence_embeddings(batches, pieces=pieces, width=width, special=range(len(SPECIAL_PIECES)), seed=seed)
    with torch.no_grad():
        table.copy_(torch.from_numpy(values))
        table[0] = 0.0
