"""What goes into and comes out of chosen modules of a model, on some batches, padding left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from compactor.models.feeding import feed

States = dict[str, tuple[Tensor, Tensor]]


def capture(model: Any, modules: Mapping[str, nn.Module], batch: Mapping[str, np.ndarray]) -> States:
    """Run a model and keep (input, output) of each named module: float32 (pieces, width), or (rows, width) where there is one a row.

    Padded pieces are left out, so that the rows of two models on the same batch stand for the same pieces.
    """
    kept: States = {}
    mask = real_pieces(batch)

    def keeper(name: str) -> Any:
        def keep(_module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            kept[name] = (real(inputs[0], mask), real(output, mask))

        return keep

    handles = [module.register_forward_hook(keeper(name)) for name, module in modules.items()]
    try:
        with torch.no_grad():
            model(**feed(model, batch))
    finally:
        for handle in handles:
            handle.remove()
    return kept


def real_pieces(batch: Mapping[str, np.ndarray]) -> Tensor:
    """Return where pieces are and not padding: bool (rows, length)."""
    return torch.from_numpy(batch["attention_mask"]).bool()


def real(values: Tensor, mask: Tensor) -> Tensor:
    """Return the real pieces of (rows, length, width) as (pieces, width); what has one vector a row stays."""
    return values[mask] if values.ndim == 3 else values


def one_batch(batches: Iterable[Mapping[str, np.ndarray]], most_pieces: int) -> dict[str, np.ndarray]:
    """Return rows of the first batches as one batch of at most about `most_pieces` pieces; much longer rows than usual are left out.

    Raises:
        ValueError: there are no batches.
    """
    rows, pieces = list[dict[str, np.ndarray]](), 0
    for batch in batches:
        for number, length in enumerate(batch["attention_mask"].sum(axis=1).tolist()):
            rows.append({name: batch[name][number, :length] for name in ("input_ids", "token_type_ids", "attention_mask")})
            pieces += length
        if pieces >= most_pieces:
            break
    if not rows:
        raise ValueError("there are no rows to look at")
    # One very long row would pad all the others.
    usual = 2 * int(np.median([len(row["input_ids"]) for row in rows]))
    rows = [row for row in rows if len(row["input_ids"]) <= usual]
    longest = max(len(row["input_ids"]) for row in rows)
    return {name: np.stack([np.pad(row[name], (0, longest - len(row[name]))) for row in rows]) for name in rows[0]}
