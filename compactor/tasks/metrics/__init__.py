"""Figures of merit, their bootstrap intervals, and paired comparison of two models on the same rows. numpy only, but for spans."""

from __future__ import annotations

from compactor.tasks.metrics.classes import (
    accuracy,
    accuracy_interval,
    bootstrap_interval,
    confusion_counts,
    macro_f1,
    matthews,
    mcnemar,
    paired_difference,
)

__all__ = [
    "accuracy",
    "accuracy_interval",
    "bootstrap_interval",
    "confusion_counts",
    "macro_f1",
    "matthews",
    "mcnemar",
    "paired_difference",
]
