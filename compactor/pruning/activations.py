"""What flows into a linear map on real texts: its first and second moments, with padding left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from compactor.models.feeding import feed


@dataclass(frozen=True)
class Moments:
    """Sums over the tokens that a linear map saw.

    Attributes:
        tokens: number of tokens, padding not counted.
        total: sum of the inputs, float64 (inputs,).
        squares: sum of the squared inputs, float64 (inputs,).
        products: sum of the outer products XᵀX, float64 (inputs, inputs); None when only scores were wanted.
    """

    tokens: int
    total: torch.Tensor
    squares: torch.Tensor
    products: torch.Tensor | None

    @classmethod
    def of(cls, inputs: torch.Tensor, *, products: bool = True) -> Moments:
        """Take the moments of a matrix (tokens, inputs)."""
        exact = inputs.double()
        # float32 is exact enough for one batch's products and twice as fast; the sum over batches is float64.
        return cls(len(inputs), exact.sum(0), exact.square().sum(0), (inputs.T @ inputs).double() if products else None)

    def __add__(self, other: Moments) -> Moments:
        both = self.products is not None and other.products is not None
        products = self.products + other.products if both else None  # type: ignore[operator]
        return Moments(self.tokens + other.tokens, self.total + other.total, self.squares + other.squares, products)


class _SeenError(Exception):
    """Ends a pass through the model as soon as all linear maps have been reached."""


def collect_moments(
    model: nn.Module, linears: Sequence[nn.Linear], batches: Iterable[Mapping[str, np.ndarray]], *, products: bool
) -> list[Moments]:
    """Run a model over batches and return the moments of what each linear map was given; layers behind the last one are not run.

    Args:
        model: a transformers model; run in evaluation mode without gradients.
        linears: modules of the model.
        batches: `input_ids`, `attention_mask` (int64, (batch, sequence)) and what else the model takes, or `pixel_values`; other names are
            dropped.
        products: also XᵀX, which takes inputs² numbers for each linear map.
    """
    found: dict[int, Moments] = {}
    seen: set[int] = set()
    mask: torch.Tensor | None = None

    def watch(number: int) -> Any:
        def hook(_module: nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
            given = arguments[0].detach()
            moments = Moments.of(given.flatten(0, -2) if mask is None else given[mask], products=products)
            found[number] = found[number] + moments if number in found else moments
            seen.add(number)
            if len(seen) == len(linears):
                raise _SeenError

        return hook

    handles = [linear.register_forward_pre_hook(watch(number)) for number, linear in enumerate(linears)]
    try:
        for batch in batches:
            # An image has no padding.
            mask = torch.from_numpy(np.asarray(batch["attention_mask"])).bool() if "attention_mask" in batch else None
            seen.clear()
            with suppress(_SeenError):
                run_model(model, batch)
    finally:
        for handle in handles:
            handle.remove()
    if len(found) != len(linears):
        raise ValueError("the calibration batches are empty")
    return [found[number] for number in range(len(linears))]


def run_model(model: nn.Module, batch: Mapping[str, np.ndarray]) -> torch.Tensor:
    """Return the logits of one batch, in evaluation mode without gradients."""
    inputs = feed(model, batch)
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            logits: torch.Tensor = model(**inputs).logits
    finally:
        model.train(training)
    return logits
