"""How near one model's answers are to another's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Agreement:
    """Two models' logits on the same rows.

    Attributes:
        rows: how many answers.
        largest_difference: largest absolute difference of any logit.
        scale: largest absolute logit of the reference, at least 1; differences are judged against it.
        cosine: mean over rows of the cosine between the two logit vectors.
        relative_error: root mean square of the difference over that of the reference.
        top1: share of answers that mean the same: the same label, or what the task calls the same.
    """

    rows: int
    largest_difference: float
    scale: float
    cosine: float
    relative_error: float
    top1: float

    @property
    def scaled_difference(self) -> float:
        """Largest difference as a share of the scale."""
        return self.largest_difference / self.scale

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form for an artifact's facts; eight digits."""
        figures = {**asdict(self), "scaled_difference": self.scaled_difference}
        return {name: round(value, 8) if isinstance(value, float) else value for name, value in figures.items()}


Same = Callable[
    [np.ndarray, np.ndarray], np.ndarray
]  # of two models' answers (answers, labels), which mean the same: bool (answers,)


def same_label(reference: np.ndarray, candidate: np.ndarray) -> np.ndarray:
    """Return where both choose the same label."""
    same: np.ndarray = reference.argmax(axis=1) == candidate.argmax(axis=1)
    return same


def agreement(reference: np.ndarray, candidate: np.ndarray, same: Same = same_label) -> Agreement:
    """Compare answers (answers, labels); both must be finite. `same` is the task's, see `compactor.tasks.Task.same`."""
    reference, candidate = reference.astype(np.float64), candidate.astype(np.float64)
    difference = candidate - reference
    norms = np.linalg.norm(reference, axis=1) * np.linalg.norm(candidate, axis=1)
    # Two zero vectors agree.
    cosine = np.where(norms > 0, (reference * candidate).sum(axis=1) / np.where(norms > 0, norms, 1), 1.0)
    return Agreement(
        rows=len(reference),
        largest_difference=float(np.abs(difference).max(initial=0)),
        scale=max(1.0, float(np.abs(reference).max(initial=0))),
        cosine=float(cosine.mean()),
        relative_error=float(np.sqrt((difference**2).mean() / max((reference**2).mean(), np.finfo(np.float64).tiny))),
        top1=float(same(candidate, reference).mean()),
    )
