"""The losses, one file each, and the list of weighted terms that a profile makes of them. Light: torch is imported when one is called."""

from __future__ import annotations

from compactor.distillation.losses._contract import Batch, Loss, Outputs, Shape, TopLogits
from compactor.distillation.losses._terms import LOSSES, LossList, LossTerm, label_terms, needs, parse_losses

__all__ = [
    "LOSSES",
    "Batch",
    "Loss",
    "LossList",
    "LossTerm",
    "Outputs",
    "Shape",
    "TopLogits",
    "label_terms",
    "needs",
    "parse_losses",
]
