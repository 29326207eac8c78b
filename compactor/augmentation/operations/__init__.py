"""The operations that make new texts of given ones, one file each, and the list of them in a profile. Light."""

from __future__ import annotations

from compactor.augmentation.operations._contract import Change, Operation, Text
from compactor.augmentation.operations._terms import OPERATIONS, NoiseList, NoiseTerm, parse_noise

__all__ = ["OPERATIONS", "Change", "NoiseList", "NoiseTerm", "Operation", "Text", "parse_noise"]
