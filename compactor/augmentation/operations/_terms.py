"""The list of operations in a profile: `- replace: {share: 0.3, weight: 2}` → a checked operation with a weight."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    SerializeAsAny,
    TypeAdapter,
    ValidationInfo,
    model_serializer,
    model_validator,
)

from compactor.augmentation.operations._contract import Operation
from compactor.base.named_options import NamedOptions
from compactor.base.registry import Registry
from compactor.base.settings import Settings

OPERATIONS: Registry[Operation] = Registry("compactor.augmentation.operations", Operation)

Weight = Annotated[float, Field(gt=0)]
ENTRIES = NamedOptions(OPERATIONS, "operation", Weight, "drop: {share: 0.2}")


class NoiseTerm(Settings):
    """One operation and how often it is chosen.

    In a profile it is a name, or a mapping with one name, the operation's or the path of a user's own file; its options and its weight
    stand below.
    """

    name: str = Field(description="the operation")
    weight: Weight = Field(1.0, description="how often it is chosen, beside the weights of the others")
    operation: SerializeAsAny[Operation] = Field(description="its options")
    source_hash: str = Field("", description="hash of a user's own file")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, NoiseTerm) or (isinstance(value, dict) and isinstance(value.get("operation"), Operation)):
            return value
        return ENTRIES.read(value, tuple((info.context or {}).get("near", ())))

    @model_serializer(mode="plain")
    def _write(self) -> dict[str, Any]:
        return {self.name: {**self.operation.model_dump(mode="json", exclude_unset=True), "weight": self.weight}}

    @classmethod
    def __get_pydantic_json_schema__(cls, _core: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        entry = {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": ENTRIES.schemas(handler)}
        return {"anyOf": [{"enum": OPERATIONS.names()}, {"type": "string", "pattern": r"\.py$"}, entry]}

    def key(self) -> dict[str, Any]:
        """Return what enters the cache key: name, weight, options, and the hash of a user's own file."""
        return {"name": self.name, "weight": self.weight, "options": self.operation.key(), "source": self.source_hash}


NoiseList = Annotated[tuple[NoiseTerm, ...], Field(min_length=1)]


def parse_noise(values: list[Any], near: tuple[Path, ...] = ()) -> tuple[NoiseTerm, ...]:
    """Return the operations of a list as it stands in a profile; `near` is where a user's own files are looked for."""
    adapter: TypeAdapter[tuple[NoiseTerm, ...]] = TypeAdapter(NoiseList)
    return adapter.validate_python(values, context={"near": near})
