"""The list of losses in a profile: `- hinton: {temperature: 4, weight: 0.9}` → a checked term with a weight."""

from __future__ import annotations

from collections import Counter
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

from compactor.base.named_options import NamedOptions
from compactor.base.registry import Registry
from compactor.base.settings import Settings
from compactor.distillation.losses._contract import Loss
from compactor.distillation.schedules import Schedule

LOSSES: Registry[Loss] = Registry("compactor.distillation.losses", Loss)

Weight = Annotated[float, Field(ge=0)] | Schedule
ENTRIES = NamedOptions(LOSSES, "loss", Weight, "hinton: {temperature: 2, weight: 0.9}")


class LossTerm(Settings):
    """One weighted loss.

    In a profile it is a mapping with one name, the loss's or the path of a user's own file; its options and its weight stand below.
    """

    name: str = Field(description="the loss")
    weight: Weight = Field(1.0, description="what the term is multiplied by; a number or {from, to}")
    loss: SerializeAsAny[Loss] = Field(description="its options")
    source_hash: str = Field("", description="hash of a user's own file")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, LossTerm) or (isinstance(value, dict) and isinstance(value.get("loss"), Loss)):
            return value
        return ENTRIES.read(value, tuple((info.context or {}).get("near", ())))

    @model_serializer(mode="plain")
    def _write(self) -> dict[str, Any]:
        options = self.loss.model_dump(mode="json", exclude_unset=True, by_alias=True)
        weight = self.weight.model_dump(by_alias=True, exclude_unset=True) if isinstance(self.weight, Schedule) else self.weight
        return {self.name: {**options, "weight": weight}}

    @classmethod
    def __get_pydantic_json_schema__(cls, _core: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        entry = {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": ENTRIES.schemas(handler)}
        return {"anyOf": [{"enum": LOSSES.names()}, entry]}

    def key(self) -> dict[str, Any]:
        """Return what enters the cache key: name, weight, options, and the hash of a user's own file."""
        weight = self.weight.key() if isinstance(self.weight, Schedule) else self.weight
        return {"name": self.name, "weight": weight, "options": self.loss.key(), "source": self.source_hash}


LossList = Annotated[tuple[LossTerm, ...], Field(min_length=1)]


def parse_losses(values: list[Any], near: tuple[Path, ...] = ()) -> tuple[LossTerm, ...]:
    """Return the terms of a list as it stands in a profile; `near` is where a user's own files are looked for."""
    adapter: TypeAdapter[tuple[LossTerm, ...]] = TypeAdapter(LossList)
    return adapter.validate_python(values, context={"near": near})


def label_terms(terms: tuple[LossTerm, ...]) -> dict[str, LossTerm]:
    """Give each term a name of its own: `hinton`, `hidden_states`, `hidden_states-2`."""
    seen: Counter[str] = Counter()
    labels: dict[str, LossTerm] = {}
    for term in terms:
        word = Path(term.name).stem
        seen[word] += 1
        labels[word if seen[word] == 1 else f"{word}-{seen[word]}"] = term
    return labels


def needs(terms: tuple[LossTerm, ...]) -> frozenset[str]:
    """Return all that the terms need."""
    return frozenset(need for term in terms for need in term.loss.wants())
