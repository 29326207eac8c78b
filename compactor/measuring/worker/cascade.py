"""Two sessions that look like one: the second runs only where the first is not sure, as `compactor.runtime.cascade` has it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

LARGER = "larger/"  # before the names of the second session's inputs


class Cascade:
    """A session of two: inputs of the second have `larger/` before their names, outputs are those of the one that answered.

    One text at a time, as the rule is for one text.
    """

    def __init__(self, first: Any, second: Any, rule: dict[str, Any]) -> None:
        """Take two sessions; `rule` holds `confidence` and `temperature` of the first."""
        self.first, self.second = first, second
        self.confidence, self.temperature = rule["confidence"], rule["temperature"]
        self.names = [each.name for each in first.get_inputs()]
        self.further = [each.name for each in second.get_inputs()]

    def get_inputs(self) -> list[Any]:
        """Return the inputs of both."""
        further = [
            SimpleNamespace(name=LARGER + each.name, type=each.type, shape=each.shape) for each in self.second.get_inputs()
        ]
        return [*self.first.get_inputs(), *further]

    def get_outputs(self) -> list[Any]:
        """Return the outputs, which are alike."""
        outputs: list[Any] = self.first.get_outputs()
        return outputs

    def run(self, _outputs: Any, feed: dict[str, Any]) -> list[Any]:
        """Answer one text by the first session, and by the second where the first is not sure."""
        import numpy

        found: list[Any] = self.first.run(None, {name: feed[name] for name in self.names})
        values = found[0].astype(numpy.float64) / self.temperature
        if 1.0 / numpy.exp(values - values.max()).sum() >= self.confidence:
            return found
        answered: list[Any] = self.second.run(None, {name: feed[LARGER + name] for name in self.further})
        return answered
