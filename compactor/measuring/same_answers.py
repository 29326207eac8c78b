"""Whether a model answers elsewhere as it does here: by each number where numbers must agree, by direction and label for int8."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

Outputs = dict[str, np.ndarray]

ABSOLUTE = {"fp32": 1e-4, "fp16": 2e-2, "bf16": 1e-1}
COSINE = 0.98
SAME_LABEL = 0.99
DECIDED = 0.1  # by how much the first answer's probability must lead for another machine to have to agree
INTEGER_OPERATORS = (
    b"MatMulInteger",
    b"DynamicQuantizeLinear",
    b"QLinearMatMul",
    b"QuantizeLinear",
    b"MatMulNBits",
    b"ConvInteger",
)
BLOCK = 1 << 24


@dataclass(frozen=True)
class Tolerance:
    """How near an answer must come.

    One rounding of an activation that falls the other way on another processor grows from layer to layer of an integer graph:
    numbers differ there while the answers are equally good (onnxruntime issue 20479). So integer graphs are judged by direction.

    Attributes:
        absolute: of each number, times the largest output where that is above 1; None for integer graphs.
        cosine: least, between the outputs of one input; None where numbers are compared.
    """

    absolute: float | None
    cosine: float | None

    @property
    def told(self) -> str:
        """Return it in words."""
        if self.absolute is not None:
            return f"each output within {self.absolute:g}"
        return f"cosine at least {self.cosine:g}, and the same label in {SAME_LABEL:.0%} of the clear cases"


@dataclass(frozen=True)
class Agreement:
    """The answers of one model in two places.

    Attributes:
        compared, given: inputs that were answered in both places, of those that could have been.
        largest_difference: of any number, in absolute value; infinite where one is NaN or the shapes differ.
        smallest_cosine: of any input's outputs.
        same_label, clear: share of equal labels among the clear cases, and their number; None where outputs are no scores.
        metric: the task's figure `{name, here, there}` on labelled inputs; None without labels.
        tolerance: in words.
        passed: whether it was kept.
        onnxruntime: its version here and there, as far as it was told.
    """

    compared: int
    given: int
    largest_difference: float
    smallest_cosine: float
    same_label: float | None
    clear: int
    metric: dict[str, Any] | None
    tolerance: str
    passed: bool
    onnxruntime: tuple[str | None, str | None] = (None, None)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; it has no infinity, so `largest_difference` is None where numbers or shapes cannot be compared."""
        largest = self.largest_difference
        return {**asdict(self), "largest_difference": largest if math.isfinite(largest) else None}


def tolerance_for(precision: str | None, model: Path) -> Tolerance:
    """Return what is asked of a graph.

    Args:
        precision: such as `fp32` or `int8-dynamic`; None when nobody said.
        model: the ONNX file, whose operators then tell.
    """
    width = (precision or ("int8" if _has_integer_operators(model) else "fp32")).partition("-")[0]
    return Tolerance(ABSOLUTE[width], None) if width in ABSOLUTE else Tolerance(None, COSINE)


def compare_answers(
    here: Sequence[Outputs], there: Sequence[Outputs], tolerance: Tolerance, *, given: int, metric: dict[str, Any] | None = None
) -> Agreement:
    """Hold the outputs of the same inputs against each other.

    Args:
        here: for each input the outputs by name, arrays of any shape, as this machine gives them.
        there: the same from the other place.
        tolerance: what is asked.
        given: inputs that could have been compared.
        metric: `{name, here, there}`, when the inputs have labels.

    Returns:
        The agreement; NaN, a missing output or another shape anywhere means that it is not passed.
    """
    if not here or len(here) != len(there):
        raise ValueError("the same inputs, at least one, must be answered in both places")
    if any(_shapes(one) != _shapes(other) for one, other in zip(here, there, strict=True)):
        return Agreement(len(here), given, float("inf"), 0.0, None, 0, metric, f"{tolerance.told}; the shapes differ", False)
    differences, scales, cosines = zip(*(_distance(one, other) for one, other in zip(here, there, strict=True)), strict=True)
    same, clear = _labels(here, there)
    if tolerance.absolute is not None:
        passed = all(difference <= tolerance.absolute * scale for difference, scale in zip(differences, scales, strict=True))
    else:
        passed = min(cosines) >= (tolerance.cosine or 0.0) and (same is None or same >= SAME_LABEL)
    return Agreement(len(here), given, max(differences), min(cosines), same, clear, metric, tolerance.told, passed)


def _shapes(outputs: Outputs) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in outputs.items()}


def _distance(one: Outputs, other: Outputs) -> tuple[float, float, float]:
    """Return the largest difference, the scale of the outputs (at least 1) and the cosine; NaN is infinitely far."""
    first, second = (
        np.concatenate([outputs[name].astype(np.float64).ravel() for name in sorted(outputs)]) for outputs in (one, other)
    )
    if not first.size:
        return 0.0, 1.0, 1.0
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return (0.0, 1.0, 1.0) if np.array_equal(first, second, equal_nan=True) else (float("inf"), 1.0, 0.0)
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    cosine = float(first @ second) / norm if norm else float(np.array_equal(first, second))
    return float(np.abs(first - second).max()), max(1.0, float(np.abs(first).max())), cosine


def _labels(here: Sequence[Outputs], there: Sequence[Outputs]) -> tuple[float | None, int]:
    """Return the share of clear cases with the same label, and their number; None where the first output is no row of scores."""
    same = []
    for one, other in zip(here, there, strict=True):
        name = next(iter(one))
        scores = one[name]
        if scores.ndim != 2 or scores.shape[-1] < 2 or not np.issubdtype(scores.dtype, np.floating):
            return None, 0
        weights = np.exp(scores.astype(np.float64) - scores.max(axis=-1, keepdims=True))
        ranked = np.sort(weights / weights.sum(axis=-1, keepdims=True), axis=-1)
        clear = ranked[:, -1] - ranked[:, -2] >= DECIDED
        same += (scores.argmax(axis=-1) == other[name].argmax(axis=-1))[clear].tolist()
    return (sum(same) / len(same) if same else None), len(same)


def _has_integer_operators(model: Path) -> bool:
    """Look for the names of integer operators; they stand as plain text in the file, and `onnx` need not be installed."""
    names, kept = re.compile(b"|".join(INTEGER_OPERATORS)), b""
    longest = max(map(len, INTEGER_OPERATORS))
    with model.open("rb") as stream:
        while block := stream.read(BLOCK):
            if names.search(kept + block):
                return True
            kept = block[-longest:]
    return False
