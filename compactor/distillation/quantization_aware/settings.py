"""What a profile may say about training that knows of quantization, and where it says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from compactor.base.settings import Settings, setting

Path = tuple[str | int, ...]


class QuantizationAware(Settings):
    """Products and lookups are rounded in the forward pass as the quantized graph rounds them; the weights themselves stay in float."""

    method: Literal["dynamic-int8"] = setting(
        "dynamic-int8",
        "of the quantize stage that follows: dynamic-int8, activations rounded by the range of each text",
    )
    per_channel: bool = setting(True, "one scale for each column of a matrix, as in quantize")
    embeddings: bool = setting(True, "round the lookup tables too, as in quantize")
    reduce_range: bool = setting(False, "7-bit weights, which quantize gives a target without 8-bit dot products")
    keep: tuple[str, ...] = setting(
        (), "patterns of what stays in float, as in quantize: of node names, such as '*classifier*'"
    )


def named_in(given: Any, path: Path = ()) -> Iterator[tuple[Path, QuantizationAware]]:
    """Yield the trainings that round, wherever they stand in a stage's settings, with their paths inside them."""
    if isinstance(given, QuantizationAware):
        yield path, given
    elif isinstance(given, Settings):
        for name in type(given).model_fields:
            yield from named_in(getattr(given, name), (*path, name))
    elif isinstance(given, tuple):
        for number, each in enumerate(given):
            yield from named_in(each, (*path, number))
