"""An aim on its way: what it means in a price, whether it can be reached, what was predicted, and what really came out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compactor.base.errors import StageError
from compactor.base.finding import Finding
from compactor.models import parameter_count
from compactor.pruning.prices import byte_price, parameter_price
from compactor.pruning.schedules import Schedule, share_after
from compactor.pruning.width import units

if TYPE_CHECKING:
    from compactor.pruning.allocation import Counts, Limits, Price
    from compactor.stages._aims import Aim
    from compactor.stages._contract import Work
    from compactor.stages._latency_table import LatencyTable
    from compactor.stages._pruning import Course

# How far the real figure may be above the aim before a finding says so: what times differ by from one measurement to the next.
TOLERATED = {"parameters": 0.0, "bytes": 0.01, "ms": 0.05}
PLACE = "prune.aim"


class Reaching:
    """One aim for one model.

    Args:
        course: with the model that is to be narrowed; its facts get `aim`.
        aim: the settings.
        limits: floors.

    Raises:
        StageError: K215, the aim cannot be reached; K219, the target's times cannot be known here.
    """

    def __init__(self, course: Course, aim: Aim, limits: Limits) -> None:
        self.course, self.aim = course, aim
        self.table: LatencyTable | None = None
        self.price = self._price(limits)
        self.before = self.price.of(self.price.whole())
        self.wanted = {
            "ratio": self.before * aim.value,
            "parameters": aim.value,
            "size_mb": aim.value * 1e6,
            "latency_ms": aim.value,
            "speedup": self.before / aim.value,
        }[aim.kind]
        least = self.price.of(limits.lowest)
        if least > self.wanted:
            raise self._unreachable(least, limits)
        if self.before <= self.wanted:
            sentence = (
                f"the aim of {self._told(self.wanted)} is met already: the model has {self._told(self.before)}, nothing is cut"
            )
            course.work.reporter.finding(Finding("K905", "note", sentence, "set a smaller aim, or leave prune out", PLACE))
        self.facts: dict[str, Any] = {
            "unit": self.price.unit,
            "wanted": self.wanted,
            "before": self.before,
            "least": least,
            **({"table": self.table.facts} if self.table else {}),
        }

    def price_after(self, step: int, steps: int, schedule: Schedule) -> float:
        """Return the price that is to be reached after a step."""
        if self.before <= self.wanted:
            return self.wanted
        return self.before * share_after(step, steps, self.wanted / self.before, schedule)

    def _price(self, limits: Limits) -> Price:
        course, aim = self.course, self.aim
        if aim.kind == "size_mb":
            from compactor.stages._plain_graph import plain_size

            total = plain_size(course.model, course.tokenizer, course.work, aim.precision)
            return byte_price(course.model, aim.parts, aim.precision, total)
        if aim.kind in {"latency_ms", "speedup"}:
            from compactor.stages._latency_table import LatencyTable

            self.table = LatencyTable(course, aim, limits)
            return self.table.price
        return parameter_price(course.model, aim.parts)

    def _unreachable(self, least: float, limits: Limits) -> StageError:
        parts = " and ".join(sorted(limits.lowest))
        sentence = (
            f"prune.aim wants {self._told(self.wanted)}, but with {parts} cut to their floor {self._told(least)} are left, the least that "
            f"can be reached (now {self._told(self.before)})"
        )
        hint = "set a smaller floor, name both parts, or cut layers, hidden or vocabulary in the same stage"
        return StageError("K215", sentence, hint)

    def _told(self, price: float) -> str:
        unit = self.price.unit
        if unit == "bytes":
            return f"{price / 1e6:.3g} MB"
        return f"{price:,.0f} parameters" if unit == "parameters" else f"{price:.3g} ms"

    def tell_real(self, work: Work) -> None:
        """Put what was predicted and what is real into the facts; report a difference that matters.

        Args:
            work: the stage's, its folder filled with the finished model.
        """
        now: Counts = {part: [place.count for place in units(self.course.model, part)] for part in self.price.parts}
        predicted, unit = self.price.of(now), self.price.unit
        real, more = self._real(work)
        work.facts["aim"] = {**self.facts, "predicted": predicted, "real": real, **more}
        # The machine drifts: times are held against the model as it was, timed again in the same turns.
        fair = real * self.before / more["before_again"] if "before_again" in more else real
        told = f"{self._told(self.before)} before, {self._told(predicted)} predicted, {self._told(fair)} real"
        if "before_again" in more:
            told += f" ({self._told(real)} beside {self._told(more['before_again'])} for the model before, in turns)"
        if fair > self.wanted * (1 + TOLERATED[unit]):
            sentence = f"the aim of {self._told(self.wanted)} is missed: {told}"
            work.reporter.finding(Finding("K907", "warning", sentence, "set a smaller aim to make up for it", PLACE))
        elif self.before > self.wanted:
            nearly = f" within {TOLERATED[unit]:.0%}" if fair > self.wanted else ""
            sentence = f"the aim of {self._told(self.wanted)} is met{nearly}: {told}"
            hint = "nothing to do; `aim` in the stage's facts has all figures"
            work.reporter.finding(Finding("K908", "note", sentence, hint, PLACE))

    def _real(self, work: Work) -> tuple[float, dict[str, Any]]:
        course, aim = self.course, self.aim
        if self.price.unit == "parameters":
            total: int = parameter_count(course.model)["total"]
            return total, {}
        if self.table is None:
            from compactor.stages._plain_graph import plain_size

            return plain_size(course.model, course.tokenizer, work, aim.precision), {}
        return self.table.time_again()
