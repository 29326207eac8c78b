"""How much the loss changes, to first order, when a neuron, a head or a channel is silenced: from gradients on calibration rows.

With a mask z on the units, z = 1, and the loss L_n of row n, the derivative is ∂L_n/∂z_j = Σ over tokens g · a, a being what the unit
gives and g the gradient there. Silencing unit j changes L_n by about -∂L_n/∂z_j. Scores are means over the rows of |∂L_n/∂z_j| (Michel et
al. 2019, arXiv:1905.10650, equation 2, for heads; "taylor") or of its square (Molchanov et al. 2019, arXiv:1906.10771, equation 8;
"taylor-squared"). Signs would cancel over rows of a trained model, whose mean gradient is near zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from compactor.base.errors import StageError

# The summed loss of the rows of one batch, whose gradient is wanted; each is called with the model.
Losses = Sequence[Callable[[Any], Tensor]]


@dataclass(frozen=True)
class Tap:
    """Where units are seen: what goes into a module, or what comes out of it, (rows, tokens, width) or (rows, width)."""

    module: nn.Module
    side: str = "input"


def derivatives(model: Any, taps: Sequence[Tap], losses: Losses) -> list[Tensor]:
    """Return ∂L_n/∂z for a mask z on the channels at each tap, float64 (rows, width) a tap, the rows of all batches in order.

    The model is run in `eval()`, and no gradient is left in its parameters.
    """
    found: list[list[Tensor]] = [[] for _ in taps]
    training = model.training
    model.eval()
    try:
        for loss in losses:
            seen, handles = _watch(taps)
            try:
                with torch.enable_grad():
                    gradients = torch.autograd.grad(loss(model), seen)
            finally:
                for handle in handles:
                    handle.remove()
            for rows, values, gradient in zip(found, seen, gradients, strict=True):
                product = values.detach().double() * gradient.double()
                rows.append(product.flatten(1, -2).sum(1) if product.ndim > 2 else product)
    finally:
        model.train(training)
    return [torch.cat(rows) for rows in found]


def _watch(taps: Sequence[Tap]) -> tuple[list[Tensor], list[Any]]:
    """Return a list that a pass fills with what the taps see, and the hooks to be removed."""
    seen: list[Any] = [None] * len(taps)

    def before(number: int) -> Any:
        def hook(_module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            seen[number] = arguments[0]

        return hook

    def after(number: int) -> Any:
        def hook(_module: nn.Module, _arguments: Any, output: Tensor) -> None:
            seen[number] = output

        return hook

    handles = [
        tap.module.register_forward_pre_hook(before(number))
        if tap.side == "input"
        else tap.module.register_forward_hook(after(number))
        for number, tap in enumerate(taps)
    ]
    return seen, handles


def mean_changes(changes: Sequence[Tensor], *, squared: bool) -> list[Tensor]:
    """Return the mean over rows of what a unit's silencing changes, without sign: absolute or squared, float64 (units,) a place.

    Args:
        changes: ∂L_n/∂z of each place, float64 (rows, units).
        squared: which of the two.

    Raises:
        StageError: K220, no unit changes the loss of any row: it has no gradient.
    """
    scores = [(change.square() if squared else change.abs()).mean(0) for change in changes]
    if not all(bool(torch.isfinite(each).all()) for each in scores):
        raise StageError("K220", "the gradients that taylor scores are made of are not finite", "use importance: wanda")
    if not any(bool((each > 0).any()) for each in scores):
        sentence = "the loss has no gradient, so that taylor scores are all zero"
        raise StageError("K220", sentence, "use importance: wanda")
    return scores
