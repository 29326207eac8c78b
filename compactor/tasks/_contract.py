"""What a task is. A task file is light: numpy only, imported where figures are computed; the model class is a name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Quality:
    """How well answers match the labels of one split.

    Attributes:
        metric: name of the main figure (`accuracy`).
        value: the main figure, 0 to 1.
        n: rows it was computed on.
        ci95: bootstrap interval of the main figure.
        others: further figures by name (`macro_f1`, `matthews`).
        agreement_with_teacher: share of rows with the teacher's answer, or None without a teacher.
        split: `validation` or `test`.
    """

    metric: str
    value: float
    n: int
    ci95: tuple[float, float]
    split: str
    others: dict[str, float] = field(default_factory=dict)
    agreement_with_teacher: float | None = None


class Task(ABC):
    """One task: the model class that transformers uses for it, the graph's interface, and how answers are scored."""

    name: ClassVar[str]
    model_class: ClassVar[str]
    metric: ClassVar[str]

    @abstractmethod
    def inputs(self, *, pair: bool) -> tuple[str, ...]:
        """Names of the graph's inputs, the fewest that the model needs: int64, (batch, sequence)."""

    @abstractmethod
    def outputs(self) -> dict[str, tuple[str, ...]]:
        """Names of the graph's outputs with their axes, `{"logits": ("batch", "labels")}`."""

    @abstractmethod
    def quality(
        self, logits: np.ndarray, labels: np.ndarray, *, split: str, seed: int, teacher_logits: np.ndarray | None = None
    ) -> Quality:
        """Score answers. `logits` float32 (n, labels), `labels` int64 (n,); a bootstrap seeded by `seed` gives the interval."""

    def right(self, logits: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
        """Return which rows are answered rightly, bool (n,), when the metric is their share; None for any other metric.

        With it, two rows of a report are compared text by text, which is far sharper than comparing two intervals.
        """
        del logits, labels
        return None

    @abstractmethod
    def answer(self, logits: np.ndarray, labels: tuple[str, ...]) -> list[dict[str, Any]]:
        """Turn logits (n, labels) into what an app shows: `[{"label": "refund", "score": 0.93}]`."""
