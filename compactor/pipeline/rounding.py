"""Does a training that knows of quantization round as the quantize stage after it will?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from compactor.base.errors import Problem
from compactor.distillation.quantization_aware.settings import QuantizationAware, named_in
from compactor.pipeline.reader import Places
from compactor.pipeline.steps import Step
from compactor.targets import Target

if TYPE_CHECKING:
    from compactor.stages.quantize import Quantize


def rounding_problems(steps: Sequence[Step], target: Target, places: Places) -> Iterator[Problem]:
    """Yield each setting of a training's `quantization_aware` that is not what the next quantize stage does."""
    for number, step in enumerate(steps):
        later = next((each.stage for each in steps[number + 1 :] if each.name == "quantize"), None)
        if later is None:
            continue
        for path, aware in named_in(step.stage):
            for name, told in _different(aware, cast("Quantize", later), target):
                sentence = f"{step.name} trains for other rounding than quantize does: its {name} is {getattr(aware, name)!r}"
                place = places.value((*step.path, *path, name))
                hint = "leave quantization_aware out" if name == "method" else f"set it to {told}"
                yield Problem("Q122", sentence, f"{hint}, or change quantize", place)


def _different(aware: QuantizationAware, later: Quantize, target: Target) -> Iterator[tuple[str, str]]:
    """Yield the name of each setting that disagrees, and what it should be."""
    wanted = {
        "method": later.method,
        "per_channel": later.per_channel,
        "embeddings": later.embeddings and later.table_bits == 8,  # no training imitates tables in 4 bits
        "reduce_range": later.seven_bits(target),
        "keep": aware.keep if later.keep == "auto" else later.keep,
    }
    for name, value in wanted.items():
        if getattr(aware, name) != value:
            yield name, str(list(value) if isinstance(value, tuple) else value).lower()
            if name == "method":
                return
