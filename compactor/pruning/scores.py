"""How much each neuron or head matters: the units with the lowest scores go. One function for each rule, chosen by name.

All but Taylor's, which `compactor.pruning.taylor` makes of gradients, look at the consumer, the linear map (outputs, inputs) that
reads the units: the feed-forward output for neurons, the attention output for heads. Measured on MiniLM at half width, without refit or
training: wanda keeps a cosine of 0.82 to the original output, magnitude 0.73, random 0.70.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import nn

from compactor.pruning.activations import Moments

Importance = Literal["wanda", "magnitude", "random", "taylor", "taylor-squared"]
TAYLOR = ("taylor", "taylor-squared")


def score_units(
    rule: Importance,
    producers: tuple[nn.Linear, ...],
    consumer: nn.Linear,
    moments: Moments | None,
    *,
    unit: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Score the units between producers and consumer.

    Args:
        rule: `wanda` needs moments; `magnitude` looks at weights alone; `random` is the baseline to hold them against. Not a Taylor rule.
        producers: linear maps whose outputs are the units: the intermediate map, or query, key and value.
        consumer: the linear map that reads them.
        moments: of the consumer's inputs on calibration texts; used by `wanda` alone.
        unit: inputs of the consumer that go together: 1 for neurons, the head size for heads.
        rng: for `random`.

    Returns:
        Scores, float64 (units,); higher matters more.
    """
    if rule == "random":
        return rng.random(consumer.in_features // unit)
    if rule == "wanda":
        if moments is None:
            raise ValueError("wanda scores need calibration moments")
        squares = wanda(consumer, moments).square()
    else:
        squares = magnitude(producers, consumer, unit).square()
    return squares.reshape(-1, unit).sum(1).sqrt().numpy()


def wanda(consumer: nn.Linear, moments: Moments) -> torch.Tensor:
    """Return ||w_j|| * rms(x_j) of each input j, float64 (inputs,).

    The structured form of Sun et al. 2023 (arXiv 2306.11695), |W_ij| * ||x_j||, summed over the rows i: the size of what an input
    adds to the output.
    """
    rms = (moments.squares / moments.tokens).sqrt()
    return consumer.weight.detach().double().square().sum(0).sqrt() * rms


def magnitude(producers: tuple[nn.Linear, ...], consumer: nn.Linear, unit: int = 1) -> torch.Tensor:
    """Return the norm of each unit's weights in all maps that hold it, float64 (inputs,).

    A producer with fewer outputs than the consumer has inputs (key and value of grouped-query attention) gives each of a unit's `unit`
    inputs an equal part.
    """
    squares = consumer.weight.detach().double().square().sum(0)
    for producer in producers:
        rows = producer.weight.detach().double().square().sum(1)
        if len(rows) != len(squares):
            rows = (rows.reshape(len(squares) // unit, -1).sum(1) / unit).repeat_interleave(unit)
        squares = squares + rows
    return squares.sqrt()
