"""Whole layers: keep some of an encoder's layers, by number or by list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from compactor.base.errors import StageError


def layers_to_keep(total: int, keep: int | Sequence[int]) -> list[int]:
    """Return which layers stay, ascending.

    Args:
        total: layers that the model has.
        keep: their numbers from 0, or how many; then they are spread evenly and the first and the last stay, for dropping either
            costs most (on MiniLM: last layer gone, 91 % → 61 %; first 84 %; a middle one 88 to 89 %).

    Raises:
        StageError: K201 when there are not so many, a number is not one of them, or all stay.
    """
    if isinstance(keep, int):
        if not 1 <= keep < total:
            raise StageError("K201", f"prune.layers is {keep}, but the model has {total} layers", f"keep 1 to {total - 1}")
        return [int(number) for number in np.linspace(0, total - 1, keep).round()]
    wrong = [number for number in keep if not 0 <= number < total]
    if wrong or len(set(keep)) != len(keep) or not keep:
        raise StageError(
            "K201",
            f"prune.layers is {list(keep)}, but the model has {total} layers",
            f"name some of 0 to {total - 1}, each once",
        )
    if len(keep) == total:
        raise StageError(
            "K201", f"prune.layers names all {total} layers, so that none goes", "leave one out, or leave layers out"
        )
    return sorted(keep)


def cut_layers(model: Any, keep: Sequence[int]) -> None:
    """Keep only these layers of an encoder, in place, and tell its config. The weights that stay do not change.

    Args:
        model: a transformers encoder that `models.families` can describe.
        keep: layer numbers from 0, ascending.
    """
    from compactor.models.layers import keep_layers

    keep_layers(model, keep)
