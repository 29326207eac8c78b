"""Computes how long a graph would take on a device that cannot be reached: an interval, marked `estimated`, never a measured figure."""

from __future__ import annotations

from compactor.measuring.estimate.interval import Estimate, estimate

__all__ = ["Estimate", "estimate"]
