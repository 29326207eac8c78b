"""Choosing what goes and taking it away layer by layer: scores → counts → cut → refit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from compactor.pruning.activations import collect_moments
from compactor.pruning.allocation import Counts, Scores
from compactor.pruning.refit import refit_linear
from compactor.pruning.scores import TAYLOR, Importance, score_units
from compactor.pruning.taylor import Losses, Tap, derivatives, mean_changes
from compactor.pruning.width import Part, Units, Wanted, best_units, cut, finish, target_counts, trace, units

Batches = Sequence[Mapping[str, np.ndarray]]
Kept = dict[Part, list[np.ndarray]]


def choose(
    model: Any,
    wanted: Mapping[Part, Wanted],
    batches: Batches,
    *,
    importance: Importance,
    round_to: int,
    seed: int,
    losses: Losses = (),
) -> Kept:
    """Choose the neurons and heads that stay: the best of each layer.

    Args:
        model: an encoder that `models.families` can describe; not changed.
        wanted: for `intermediate` and `heads`, what `width.target_counts` takes.
        batches: calibration batches, padded, with `attention_mask`; needed by `wanda` alone.
        importance: how units are scored.
        round_to: neurons kept by a share are a multiple of this; heads are not rounded.
        seed: for `random`.
        losses: for Taylor's scores, see `compactor.pruning.taylor`.

    Returns:
        For each part one int64 array per layer, ascending.

    Raises:
        StageError: K211 to K213 for widths that the model cannot have, K220 for a loss without gradient.
    """
    counts: Counts = {}
    for part, value in wanted.items():
        now = [place.count for place in units(model, part)]
        counts[part] = target_counts(now, value, round_to if part == "intermediate" else 1, part)
    scores = score(model, tuple(wanted), batches, importance=importance, seed=seed, losses=losses)
    return best(scores, counts)


def score(
    model: Any, parts: Sequence[Part], batches: Batches, *, importance: Importance, seed: int, losses: Losses = ()
) -> Scores:
    """Return the scores of all units, float64 (units,) for each part and layer; higher matters more. Arguments as in `choose`."""
    rng = np.random.default_rng(seed)
    places = {part: units(model, part) for part in parts}
    if importance in TAYLOR:
        return _taylor(model, places, losses, squared=importance == "taylor-squared")
    found: Scores = {}
    for part, layers in places.items():
        moments = None
        if importance == "wanda":
            moments = collect_moments(model, [place.consumer for place in layers], batches, products=False)
        found[part] = [
            score_units(
                importance, place.producers, place.consumer, moments[number] if moments else None, unit=place.size, rng=rng
            )
            for number, place in enumerate(layers)
        ]
    return found


def _taylor(model: Any, places: Mapping[Part, list[Units]], losses: Losses, *, squared: bool) -> Scores:
    """Score all parts in one pass: what goes into the consumers is what the units give."""
    flat = [place for layers in places.values() for place in layers]
    changes = [
        change.reshape(len(change), -1, place.size).sum(2)
        for change, place in zip(derivatives(model, [Tap(place.consumer) for place in flat], losses), flat, strict=True)
    ]
    scores = iter(each.numpy() for each in mean_changes(changes, squared=squared))
    return {part: [next(scores) for _ in layers] for part, layers in places.items()}


def best(scores: Scores, counts: Counts) -> Kept:
    """Return the units with the highest scores of each layer, as many as the counts say."""
    return {
        part: [best_units(values, count) for values, count in zip(scores[part], layers, strict=True)]
        for part, layers in counts.items()
    }


def narrow(model: Any, kept: Kept, batches: Batches | None = None) -> None:
    """Cut an encoder to the chosen units, in place.

    With batches each consumer is refitted by least squares. That goes from the first layer to the last, so that a layer is fitted to
    what the narrower layers before it really give.

    Args:
        model: the model that `choose` saw.
        kept: from `choose`.
        batches: calibration batches, or None for the cut alone.
    """
    graph = trace(model)
    places = {part: units(model, part) for part in kept}
    for number in range(len(next(iter(places.values())))):
        for part in sorted(kept, key=("heads", "intermediate").index):  # the order in which the data flows
            place, stay = places[part][number], kept[part][number]
            if len(stay) == place.count:
                continue
            inputs = place.inputs(stay)
            before = place.consumer.weight.detach().clone()
            moments = collect_moments(model, [place.consumer], batches, products=True)[0] if batches is not None else None
            cut(graph, place, stay)
            if moments is not None:
                refit_linear(place.consumer, before, moments, inputs)
    finish(model)
