"""A loss made from its name and options, as a profile names it."""

from __future__ import annotations

from typing import Any

from compactor.distillation.losses import LOSSES


def loss(name: str, **options: Any) -> Any:
    """Return the checked loss."""
    return LOSSES.load(name).model_validate(options)
