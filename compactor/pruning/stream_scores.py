"""How much each channel of the residual stream matters: the same rules as for neurons and heads, over all that reads or writes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from compactor.models.families import Encoder, describe
from compactor.models.projection import MOST_PIECES, head_maps
from compactor.models.states import capture, one_batch
from compactor.pruning.scores import TAYLOR, Importance
from compactor.pruning.stream import Batches, stream_maps
from compactor.pruning.taylor import Losses, Tap, derivatives, mean_changes


def score_channels(model: Any, batches: Batches, *, importance: Importance, seed: int, losses: Losses = ()) -> np.ndarray:
    """Score the channels of an encoder's stream.

    Args:
        model: an encoder that `models.families` can describe; not changed.
        batches: calibration batches with `token_type_ids`; for `wanda`.
        importance: `wanda`, see `_energy`; `magnitude`, the norm of all weights of a channel; Taylor's, a mask on the channel wherever
            the stream is written; `random`.
        seed: for `random`.
        losses: see `compactor.pruning.taylor`.

    Returns:
        float64 (hidden,); higher matters more.
    """
    encoder = describe(model)
    if importance == "random":
        return np.random.default_rng(seed).random(encoder.hidden)
    if importance in TAYLOR:
        changes = torch.stack(derivatives(model, [Tap(module, "output") for module in _written_by(encoder)], losses)).sum(0)
        return mean_changes([changes], squared=importance == "taylor-squared")[0].numpy()
    if importance == "magnitude":
        squares = torch.zeros(encoder.hidden, dtype=torch.float64)
        for module, axis in stream_maps(encoder):
            if module.weight.ndim == 2:
                squares += module.weight.detach().double().square().sum(1 - axis)
        return squares.sqrt().numpy()
    return _energy(model, encoder, batches).numpy()


def _energy(model: Any, encoder: Encoder, batches: Batches) -> torch.Tensor:
    """Return the mean over all that reads the stream of a channel's share of Σ_i W_ij² E[x_j²], the energy that it brings there.

    Shares, because the places have different scales and the channels are the same for all of them.
    """
    readers = [maps for part in encoder.parts for maps in ([part.query, part.key, part.value], [part.intermediate])]
    readers += [[module] for module in list(head_maps(encoder).values())[:1]]  # type: ignore[list-item]
    first: dict[str, nn.Module] = {str(number): maps[0] for number, maps in enumerate(readers)}
    states = capture(model, first, one_batch(batches, MOST_PIECES))
    shares = torch.zeros(encoder.hidden, dtype=torch.float64)
    for number, maps in enumerate(readers):
        weights = torch.cat([linear.weight.detach() for linear in maps]).double().square().sum(0)
        energy = weights * states[str(number)][0].double().square().mean(0)
        shares += energy / energy.sum() / len(readers)
    return shares


def _written_by(encoder: Encoder) -> list[nn.Module]:
    """Return the modules whose outputs are the stream: its start, and both norms of every layer."""
    start: Any = encoder.norm if len(encoder.before_layers) == 1 else encoder.before_layers[-1]
    return [start, *(norm for part in encoder.parts for norm in (part.attention_norm, part.output_norm))]
