"""Zeros into a whole model, map by map in the order of the data, so that each is calibrated on what the sparse maps before it give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from compactor.models.families import describe
from compactor.pruning.activations import collect_moments
from compactor.pruning.pattern import Method, Sparsity
from compactor.pruning.sparsegpt import sparsegpt
from compactor.pruning.sparsity import check_width, lowest, magnitude_scores, output_error, wanda_scores

Batches = Sequence[Mapping[str, np.ndarray]]


def sparse_maps(model: nn.Module) -> dict[str, nn.Linear]:
    """Return the maps that get zeros, by name in the order of the data: all linear maps of the layers, not embeddings, not the head."""
    names = {id(module): name for name, module in model.named_modules()}
    return {names[id(linear)]: linear for layer in describe(model).parts for together in layer.flow for linear in together}


def sparsify(
    model: Any,
    batches: Batches,
    sparsity: Sparsity,
    method: Method,
    *,
    block: int,
    damping: float,
    done: Callable[[int], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Put zeros into the linear maps of a model's layers, in place.

    Maps that read the same input (query, key and value; gate and up) are calibrated together; the next ones on what the model gives
    then, from the first layer to the last. (The authors' code calibrates all maps of a layer on its dense inside.)

    Args:
        model: a model that `models.families` can describe.
        batches: calibration batches, padded, with `attention_mask`.
        sparsity: how many zeros, and where they may lie.
        method: `sparsegpt` chooses and makes up for the loss, `wanda` and `magnitude` choose.
        block: of SparseGPT, see `compactor.pruning.sparsegpt`.
        damping: of SparseGPT.
        done: told how many maps have got their zeros since it was last told.

    Returns:
        For each map `map` (its name), `zeros` (share), and relative squared errors of its output on the calibration rows:
        `error_masked` (the chosen weights set to zero, nothing else), `error` (as it is now), `error_magnitude` (the smallest weights
        set to zero instead).

    Raises:
        StageError: K241 the pattern does not fit a width, K244 the inputs are degenerate.
    """
    names = {id(linear): name for name, linear in sparse_maps(model).items()}
    for name, linear in sparse_maps(model).items():
        check_width(name, linear.in_features, sparsity)
    facts = []
    for layer in describe(model).parts:
        for together in layer.flow:
            (moments,) = collect_moments(model, together[:1], batches, products=True)
            assert moments.products is not None
            for linear in together:
                old = linear.weight.detach().double()
                new, gone = sparse(old, moments.products, sparsity, method, block=block, damping=damping)
                with torch.no_grad():
                    linear.weight.copy_(new)
                facts.append({"map": names[id(linear)], **_told(old, new, gone, moments.products, sparsity)})
            done(len(together))
    return facts


def sparse(
    weight: Tensor, products: Tensor, sparsity: Sparsity, method: Method, *, block: int, damping: float
) -> tuple[Tensor, Tensor]:
    """Return (W', gone) of one map by any of the methods; arguments as in `sparsegpt`, the weight in float64."""
    if method == "sparsegpt":
        return sparsegpt(weight, products, sparsity, block=block, damping=damping)
    by_row = method == "wanda"
    gone = lowest(wanda_scores(weight, products) if by_row else magnitude_scores(weight), sparsity, by_row=by_row)
    return weight.masked_fill(gone, 0.0), gone


def zeros(model: nn.Module) -> dict[str, Tensor]:
    """Return where the weights of the sparse maps are zero, bool (outputs, inputs), by the weight's name."""
    return {f"{name}.weight": linear.weight.detach() == 0 for name, linear in sparse_maps(model).items()}


def _told(old: Tensor, new: Tensor, gone: Tensor, products: Tensor, sparsity: Sparsity) -> dict[str, float]:
    smallest = old.masked_fill(lowest(magnitude_scores(old), sparsity, by_row=False), 0.0)
    others = {"error_masked": old.masked_fill(gone, 0.0), "error": new, "error_magnitude": smallest}
    errors = {name: float(f"{output_error(old, other, products):.4g}") for name, other in others.items()}
    return {"zeros": round(float((new == 0).double().mean()), 6), **errors}
