"""Which layers of a teacher to keep, found without training: those with which its answers move least on a few hundred rows.

Criterion: the mean squared difference between the logits of the teacher and of the teacher with only these layers, over the rows and
labels. It is 0 for all layers, the same for any kind of head, and needs no labels.

Where the ways to keep k of n layers are few, all are tried; else layers go one at a time, each time the one whose loss moves the answers
least (backward elimination, as ShortGPT, Men et al. 2024, arXiv:2403.03853, but by the answers and not by a layer's own states). What
is best before training is not always best after it; the recorded figures tell how far the candidates were apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from compactor.models.families import describe
from compactor.models.feeding import feed

MOST_ROWS = 256
MOST_TRIALS = 64
SHOWN = 5


def best_layers(teacher: Any, keep: int, batches: Iterable[Mapping[str, np.ndarray]]) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Return the layers to keep, ascending, and how they were found.

    Args:
        teacher: an encoder; the same afterwards.
        keep: how many layers.
        batches: encoded rows; the first 256 are used.

    Returns:
        (layers, facts): `rows`, `tried` (how many choices were run), `best` (the five best of the last round: layers and difference).
    """
    some = _some(batches)
    encoder, total = describe(teacher), len(describe(teacher).layers)
    wanted = _answers(teacher, some)
    tried: dict[tuple[int, ...], float] = {}

    def difference(layers: tuple[int, ...]) -> float:
        with _only(teacher, encoder.layers_path, encoder.layers, layers):
            answers = _answers(teacher, some)
        tried[layers] = float((answers - wanted).square().mean())
        return tried[layers]

    if comb(total, keep) <= MOST_TRIALS:
        last = {layers: difference(layers) for layers in combinations(range(total), keep)}
    else:
        left = tuple(range(total))
        last = {left: 0.0}
        while len(left) > keep:
            last = {rest: difference(rest) for rest in combinations(left, len(left) - 1)}
            left = min(last, key=lambda layers: last[layers])
    ranked = sorted(last.items(), key=lambda entry: (entry[1], entry[0]))
    shown = [{"layers": list(layers), "difference": round(value, 6)} for layers, value in ranked[:SHOWN]]
    return ranked[0][0], {"rows": sum(_rows(batch) for batch in some), "tried": len(tried), "best": shown}


def _some(batches: Iterable[Mapping[str, np.ndarray]]) -> list[Mapping[str, np.ndarray]]:
    """Return whole batches of at least 256 rows together, or all there are."""
    some, rows = list[Mapping[str, np.ndarray]](), 0
    for batch in batches:
        some.append(batch)
        rows += _rows(batch)
        if rows >= MOST_ROWS:
            break
    if not some:
        raise ValueError("there are no rows to search layers on")
    return some


def _rows(batch: Mapping[str, np.ndarray]) -> int:
    """Return the rows of a batch, of texts or images."""
    return len(next(iter(batch.values())))


def _answers(model: Any, batches: Sequence[Mapping[str, np.ndarray]]) -> Tensor:
    """Return the logits of all rows, flat."""
    with torch.no_grad():
        return torch.cat([model(**feed(model, batch)).logits.float().flatten() for batch in batches])


@contextmanager
def _only(model: Any, path: str, layers: nn.ModuleList, chosen: Sequence[int]) -> Any:
    """Let a model run through these layers only, while the block runs."""
    parent, _, name = path.rpartition(".")
    owner, depth = model.get_submodule(parent), _depth_field(model.config)
    before = getattr(model.config, depth)
    setattr(owner, name, nn.ModuleList(layers[number] for number in chosen))
    setattr(model.config, depth, len(chosen))
    try:
        yield
    finally:
        setattr(owner, name, layers)
        setattr(model.config, depth, before)


def _depth_field(config: Any) -> str:
    return "n_layers" if hasattr(config, "n_layers") else "num_hidden_layers"
