"""The list of operations in a profile: `- replace: {share: 0.3, weight: 2}` → a checked operation with a weight."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, SerializeAsAny, TypeAdapter

from compactor.augmentation.operations._contract import Operation
from compactor.base.named_options import NamedOptions, NamedTerm
from compactor.base.registry import Registry

OPERATIONS: Registry[Operation] = Registry("compactor.augmentation.operations", Operation)

Weight = Annotated[float, Field(gt=0)]


class NoiseTerm(NamedTerm):
    """One operation and how often it is chosen."""

    entries: ClassVar[NamedOptions] = NamedOptions(OPERATIONS, "operation", Weight, "drop: {share: 0.2}")

    weight: Weight = Field(1.0, description="how often it is chosen, beside the weights of the others")
    operation: SerializeAsAny[Operation] = Field(description="its options")


NoiseList = Annotated[tuple[NoiseTerm, ...], Field(min_length=1)]


def parse_noise(values: list[Any], near: tuple[Path, ...] = ()) -> tuple[NoiseTerm, ...]:
    """Return the operations of a list as it stands in a profile; `near` is where a user's own files are looked for."""
    adapter: TypeAdapter[tuple[NoiseTerm, ...]] = TypeAdapter(NoiseList)
    return adapter.validate_python(values, context={"near": near})
