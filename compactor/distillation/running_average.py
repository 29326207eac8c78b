"""A running average of the trained weights, kept in their place: it lies in a flatter valley than the last step's weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class RunningAverage:
    """The average of one training's weights; after step t it is `a * average + (1 - a) * weights`, a = min(decay, 1 - 1 / (t + 1)).

    Source: Polyak and Juditsky 1992 (Acceleration of stochastic approximation by averaging) for the mean; the exponential form with the
    first steps' shorter memory as in Tarvainen and Valpola 2017 (arXiv:1703.01780). Up to step `1 / (1 - decay)` it is the plain mean.
    Neighbours: the regime `ema_teacher` also learns from such an average; this one only keeps it.

    Args:
        named: the trained parameters, which the optimizer moves.
        decay: share of the old average that is kept at each step; None makes no average, and nothing below does anything.
    """

    def __init__(self, named: Mapping[str, nn.Parameter], decay: float | None) -> None:
        self.named, self.decay, self.steps = named, decay, 0
        self.values: dict[str, Tensor] = {}
        if decay is not None:
            self.values = {name: parameter.detach().clone() for name, parameter in named.items()}

    @torch.no_grad()
    def after_step(self) -> None:
        """Move the average towards the new weights."""
        if self.decay is None:
            return
        self.steps += 1
        kept = min(self.decay, 1.0 - 1.0 / (self.steps + 1))
        torch._foreach_lerp_(list(self.values.values()), [value.detach() for value in self.named.values()], 1.0 - kept)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Put the average in the weights' place while the block runs."""
        own = {name: self.named[name].detach().clone() for name in self.values}
        self._fill(self.values)
        try:
            yield
        finally:
            self._fill(own)

    def finish(self) -> None:
        """Leave the average in the weights' place."""
        self._fill(self.values)

    def state(self) -> dict[str, Tensor]:
        """Return the average as tensors named `average/NAME`."""
        return {f"average/{name}": value for name, value in self.values.items()}

    def restore(self, tensors: Mapping[str, Tensor], steps: int) -> None:
        """Put back what `state` returned after `steps` steps."""
        for name, value in self.values.items():
            value.copy_(tensors[f"average/{name}"])
        self.steps = steps

    @torch.no_grad()
    def _fill(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self.named[name].copy_(value)
