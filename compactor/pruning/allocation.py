"""How many units each layer keeps: as many everywhere, or the least important ones gone first, until an aim is met.

The second is a multiple-choice knapsack: each layer is a list of blocks of units, the least important first, and a block can only go
after those before it. What is lost is the sum of the scores, what is saved is the fall of a price (parameters, bytes, milliseconds).
Blocks whose neighbours save more for less are pooled into chunks with a rising score per saving (the lower convex hull), and chunks go
in that order; after each whole chunk no other choice saves as much and loses less (Sinha and Zoltners 1979, "The multiple-choice
knapsack problem", Operations Research 27, the linear relaxation).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from compactor.pruning.width import Part

Scores = dict[Part, list[np.ndarray]]
Counts = dict[Part, list[int]]
Normalise = Literal["sum", "l2", "none"]
SHARES = 4096  # steps of the search for one share for all layers
ROUNDING = 1e-9  # relative, of sums of prices


@dataclass(frozen=True)
class Price:
    """What a model costs in one unit, as a sum over its layers.

    Attributes:
        unit: `parameters`, `bytes` or `ms`.
        fixed: of all that cannot be cut.
        parts: for each part one array a layer, float64 (units + 1,): the price of the layer's part with 0, 1, ... units; rising.
    """

    unit: str
    fixed: float
    parts: Mapping[Part, Sequence[np.ndarray]]

    def of(self, counts: Counts) -> float:
        """Return the price of a model whose layers have these counts."""
        layers = ((self.parts[part][layer], count) for part in self.parts for layer, count in enumerate(counts[part]))
        return self.fixed + float(sum(prices[count] for prices, count in layers))

    def up_to(self, counts: Counts) -> Price:
        """Return the price of what is left to cut in a model that has these counts."""
        parts = {
            part: [prices[: count + 1] for prices, count in zip(self.parts[part], counts[part], strict=True)]
            for part in self.parts
        }
        return Price(self.unit, self.fixed, parts)

    def whole(self) -> Counts:
        """Return the counts of the model as it is."""
        return {part: [len(prices) - 1 for prices in layers] for part, layers in self.parts.items()}


@dataclass(frozen=True)
class Limits:
    """What bounds the cut of a layer.

    Attributes:
        lowest: units of each layer that stay at least.
        round_to: neurons go in blocks, so that a multiple of this stays; heads go one by one.
    """

    lowest: Counts
    round_to: int

    @classmethod
    def of_share(cls, floor: float, round_to: int, counts: Counts) -> Limits:
        """Return limits that leave a share of these counts, rounded up to whole blocks, never 0."""
        lowest: Counts = {}
        for part, layers in counts.items():
            block = block_of(part, round_to)
            lowest[part] = [min(count, block * max(1, math.ceil(floor * count / block - 1e-9))) for count in layers]
        return cls(lowest, round_to)


def block_of(part: Part, round_to: int) -> int:
    """Return how many units of a part go together."""
    return round_to if part == "intermediate" else 1


def normalised(scores: Scores, how: Normalise) -> Scores:
    """Make the scores of different layers and parts comparable.

    `sum`: divided by their sum, so that each layer's part is worth 1 in all and a unit counts by its share. `l2`: divided by their norm
    (Molchanov et al. 2017, arXiv:1611.06440, section 2.2). `none`: as they are, which only scores in one currency allow: Taylor's, the
    change of the loss.
    """
    if how == "none":
        return scores

    def scaled(values: np.ndarray) -> np.ndarray:
        size = float(values.sum() if how == "sum" else np.sqrt(np.square(values).sum()))
        return values / size if size > 0 else values

    return {part: [scaled(values) for values in layers] for part, layers in scores.items()}


def same_share(price: Price, wanted: float, limits: Limits) -> Counts:
    """Return the counts of the largest share, the same in every layer and part, whose price is at most `wanted`.

    The caller has made sure that the floors are cheap enough.
    """
    whole, lowest = price.whole(), limits.lowest

    def counts(step: int) -> Counts:
        return {
            part: [
                max(least, count)
                for least, count in zip(
                    lowest[part], rounded_share(now, step / SHARES, block_of(part, limits.round_to)), strict=True
                )
            ]
            for part, now in whole.items()
        }

    fits, fails = 0, SHARES  # the price rises with the share
    if price.of(counts(SHARES)) <= wanted:
        return counts(SHARES)
    while fails - fits > 1:
        middle = (fits + fails) // 2
        fits, fails = (middle, fails) if price.of(counts(middle)) <= wanted else (fits, middle)
    return counts(fits)


def rounded_share(now: Sequence[int], share: float, block: int) -> list[int]:
    """Return a share of each count, rounded to whole blocks, never 0."""
    return [min(count, max(block, round(count * share / block) * block)) for count in now]


def least_lost(scores: Scores, price: Price, wanted: float, limits: Limits) -> Counts:
    """Return counts whose price is at most `wanted`, with little importance lost; see the head of this file.

    Args:
        scores: comparable between layers, see `normalised`; not negative.
        price: of the model as it is.
        wanted: the highest price allowed; the caller has made sure that the floors are cheap enough.
        limits: floors and blocks.
    """
    counts = price.whole()
    chunks = []
    for part, layers in price.parts.items():
        for layer, prices in enumerate(layers):
            stops = block_stops(len(prices) - 1, limits.lowest[part][layer], block_of(part, limits.round_to))
            lost = np.concatenate([[0.0], np.sort(scores[part][layer]).cumsum()])
            chunks += [(rate, part, layer, run) for rate, run in pooled(stops, lost, prices)]
    # Of equals the last layer first: a stable order, so that equal inputs give equal cuts.
    chunks.sort(key=lambda chunk: (chunk[0], chunk[1], -chunk[2]))
    left = price.of(counts) - wanted * (1 + ROUNDING)
    for _, part, layer, run in chunks:
        for stop in run:  # a chunk is not whole when a part of it is enough
            if left <= 0:
                return counts
            prices = price.parts[part][layer]
            left -= float(prices[counts[part][layer]] - prices[stop])
            counts[part][layer] = stop
    return counts


def block_stops(count: int, least: int, block: int) -> list[int]:
    """Return the counts that a layer can be cut to, descending: multiples of the block, not below `least`."""
    first = (count - 1) // block * block
    return list(range(first, least - 1, -block)) if first >= least else []


def pooled(stops: Sequence[int], lost: np.ndarray, prices: np.ndarray) -> list[tuple[float, list[int]]]:
    """Pool the cuts of one layer into chunks of rising importance per saving (pool adjacent violators).

    Args:
        stops: from `block_stops`.
        lost: importance lost when 0, 1, ... of the least important units are gone, float64 (units + 1,).
        prices: with 0, 1, ... units, float64 (units + 1,).

    Returns:
        (importance lost per unit of price saved, the stops of the chunk), in order; a chunk that saves nothing costs infinitely much.
    """
    total = len(prices) - 1
    chunks: list[tuple[float, float, list[int]]] = []
    before = total
    for stop in stops:
        loss = float(lost[total - stop] - lost[total - before])
        saving = float(prices[before] - prices[stop])
        chunks.append((loss, saving, [stop]))
        while len(chunks) > 1 and _rate(*chunks[-1][:2]) < _rate(*chunks[-2][:2]):
            (loss_b, saving_b, run_b), (loss_a, saving_a, run_a) = chunks.pop(), chunks.pop()
            chunks.append((loss_a + loss_b, saving_a + saving_b, run_a + run_b))
        before = stop
    return [(_rate(loss, saving), run) for loss, saving, run in chunks]


def _rate(loss: float, saving: float) -> float:
    return loss / saving if saving > 0 else math.inf


def global_counts(scores: Scores, part: Part, wanted: Sequence[int], limits: Limits) -> list[int]:
    """Return as many units in all as `wanted` has, those with the highest scores of all layers, no layer below its floor.

    Args:
        scores: comparable between layers.
        part: which of them.
        wanted: counts by layer whose sum is kept.
        limits: floors and blocks.
    """
    layers = scores[part]
    price = Price("units", 0.0, {part: [np.arange(len(values) + 1.0) for values in layers]})
    return least_lost({part: layers}, price, max(sum(wanted), sum(limits.lowest[part])), limits)[part]
