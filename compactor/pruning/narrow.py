"""Choosing what goes and taking it away layer by layer: scores → cut → refit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from compactor.pruning.activations import collect_moments
from compactor.pruning.refit import refit_linear
from compactor.pruning.scores import Importance, score_units
from compactor.pruning.width import Part, Wanted, best_units, cut, finish, target_counts, trace, units

Batches = Sequence[Mapping[str, np.ndarray]]
Kept = dict[Part, list[np.ndarray]]


def choose(
    model: Any, wanted: Mapping[Part, Wanted], batches: Batches, *, importance: Importance, round_to: int, seed: int
) -> Kept:
    """Choose the neurons and heads that stay.

    Args:
        model: an encoder that `models.families` can describe; not changed.
        wanted: for `intermediate` and `heads`, what `width.target_counts` takes.
        batches: calibration batches, padded, with `attention_mask`; needed by `wanda` alone.
        importance: how units are scored.
        round_to: neurons kept by a share are a multiple of this; heads are not rounded.
        seed: for `random`.

    Returns:
        For each part one int64 array per layer, ascending.

    Raises:
        StageError: K211 to K213 for widths that the model cannot have.
    """
    rng = np.random.default_rng(seed)
    kept: Kept = {}
    for part, value in wanted.items():
        places = units(model, part)
        counts = target_counts([place.count for place in places], value, round_to if part == "intermediate" else 1, part)
        moments = None
        if importance == "wanda":
            moments = collect_moments(model, [place.consumer for place in places], batches, products=False)
        kept[part] = []
        for number, (place, count) in enumerate(zip(places, counts, strict=True)):
            seen = moments[number] if moments else None
            scores = score_units(importance, place.producers, place.consumer, seen, unit=place.size, rng=rng)
            kept[part].append(best_units(scores, count))
    return kept


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
