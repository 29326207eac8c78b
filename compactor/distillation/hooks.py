"""Moments of a training at which what is trained for may act; the loop calls them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


class Hooks(nn.Module):
    """Base of objectives and of what stands beside them; each hook does nothing unless it is needed."""

    def begin(self, student: nn.Module) -> None:
        """Training begins, before a checkpoint is read: the moment to take the shapes of the student's weights."""

    def after_step(self, student: nn.Module) -> None:
        """The optimizer has made a step."""

    @contextmanager
    def kept(self, student: nn.Module) -> Iterator[None]:
        """Show, while the block runs, the weights that would be kept if training ended now; here they are the student's own."""
        yield

    def finish(self, student: nn.Module) -> None:
        """Training has ended: leave the student with the weights to be kept."""
