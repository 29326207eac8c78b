"""Answers that are no numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from compactor.base.finding import Finding


def finite(logits: np.ndarray, *, place: str) -> Iterator[Finding]:
    """Yield an error when a logit of (rows, labels) is NaN or infinite."""
    rows = int((~np.isfinite(logits)).any(axis=1).sum())
    if rows:
        sentence = f"{rows} of {len(logits)} answers hold NaN or infinite values"
        yield Finding(
            "X112", "error", sentence, "the weights are damaged, or too large for this precision: keep it in fp32", place
        )
