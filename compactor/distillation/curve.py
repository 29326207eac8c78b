"""The lines of a training's curve: means since the line before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass
class Curve:
    """What a training tells while it runs.

    Attributes:
        terms: names of the objective's terms.
        sums: loss and terms added up since the last line, float64 (1 + terms,).
        lines: `step`, `loss`, `parts` before their weights, `learning_rate`.
        validation: `epoch`, `value`.
    """

    terms: list[str]
    sums: Tensor
    lines: list[dict[str, Any]] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)

    @classmethod
    def empty(cls, terms: list[str], device: torch.device) -> Curve:
        """Return a curve without lines."""
        return cls(terms, torch.zeros(1 + len(terms), dtype=torch.float64, device=device))

    @property
    def loss(self) -> float | None:
        """The newest line's loss."""
        return self.lines[-1]["loss"] if self.lines else None

    def add(self, figures: Tensor) -> None:
        """Add one step's figures."""
        self.sums += figures.double()

    def line(self, step: int, rate: float) -> dict[str, Any]:
        """Close a line at this step and return it."""
        since = step - (self.lines[-1]["step"] if self.lines else 0)
        total, *parts = (self.sums / since).tolist()
        self.sums.zero_()
        named = {name: round(value, 6) for name, value in zip(self.terms, parts, strict=True)}
        self.lines.append({"step": step, "loss": round(total, 6), "parts": named, "learning_rate": rate})
        return self.lines[-1]

    def is_best(self, value: float) -> bool:
        """Return whether a validation value is higher than all before it."""
        return all(value > entry["value"] for entry in self.validation)

    @property
    def best_epoch(self) -> float:
        """The epoch with the highest validation value, the first of equals."""
        return max(self.validation, key=lambda entry: entry["value"])["epoch"]
