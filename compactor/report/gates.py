"""Conditions on a comparison that make a job fail: `latency_ms>+5%`, `size_mb>+0.5`, `accuracy<-0.5pt`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from compactor.base.errors import Problem, ProfileError
from compactor.report.comparison import Pair

METRICS = ("latency_ms", "size_mb", "accuracy")
FORM = re.compile(r"\s*(?P<metric>\w+)\s*(?P<sign>>=|<=|>|<)\s*(?P<number>[+-]?\d+(?:\.\d*)?|[+-]?\.\d+)\s*(?P<unit>%|pt)?\s*")


@dataclass(frozen=True)
class Gate:
    """One condition. With a sign, % or pt the change is judged, otherwise the figure of the second run."""

    text: str
    metric: str
    sign: str
    number: float
    unit: str
    change: bool

    def trips(self, pair: Pair) -> str:
        """Return why the condition holds, or an empty text; what was not measured cannot be judged and trips."""
        old, new = self._figures(pair)
        if new is None or (self.change and old is None):
            return f"{self.text}: {self.metric} was not measured in both runs"
        value = new if old is None or not self.change else self._change(old, new)
        if not _holds(value, self.sign, self.number):
            return ""
        said = f"{value:+.4g}{self.unit}" if self.change else f"{value:.4g}"
        return f"{self.text}: {self.metric} {'changed by' if self.change else 'is'} {said}{_from(old, new)}"

    def _figures(self, pair: Pair) -> tuple[float | None, float | None]:
        if self.metric == "latency_ms":
            return pair.latency_ms
        if self.metric == "accuracy":
            return pair.quality
        old, new = pair.size_bytes
        return (old / 1e6 if old is not None else None, new / 1e6 if new is not None else None)

    def _change(self, old: float, new: float) -> float:
        if self.unit == "%":
            # Twelve digits: 5 % more is 5 %, not 5.000000000000004 %.
            return round(100 * (new / old - 1), 12) if old else float("inf")
        return round((new - old) * (100 if self.unit == "pt" else 1), 12)


def parse_gate(text: str) -> Gate:
    """Read a condition.

    Raises:
        ProfileError: R131, exit status 2, with the form that is understood.
    """
    found = FORM.fullmatch(text)
    if found is None or found["metric"] not in METRICS or (found["unit"] == "pt" and found["metric"] != "accuracy"):
        hint = f"METRIC>CHANGE such as latency_ms>+5%, size_mb>+0.5, accuracy<-0.5pt; metrics: {', '.join(METRICS)}"
        raise ProfileError([Problem("R131", f"--fail-if {text!r} is not understood", hint)])
    change = bool(found["unit"]) or found["number"][0] in "+-"
    return Gate(text.strip(), found["metric"], found["sign"], float(found["number"]), found["unit"] or "", change)


def _holds(value: float, sign: str, number: float) -> bool:
    return {">": value > number, "<": value < number, ">=": value >= number, "<=": value <= number}[sign]


def _from(old: float | None, new: float) -> str:
    return f" ({old:.4g} to {new:.4g})" if old is not None else ""
