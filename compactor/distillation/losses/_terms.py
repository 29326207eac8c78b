"""The list of losses in a profile: `- hinton: {temperature: 4, weight: 0.9}` → a checked term with a weight."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, SerializeAsAny, TypeAdapter

from compactor.base.named_options import NamedOptions, NamedTerm
from compactor.base.registry import Registry
from compactor.distillation.losses._contract import Loss
from compactor.distillation.schedules import Schedule

LOSSES: Registry[Loss] = Registry("compactor.distillation.losses", Loss)

Weight = Annotated[float, Field(ge=0)] | Schedule


class LossTerm(NamedTerm):
    """One weighted loss."""

    entries: ClassVar[NamedOptions] = NamedOptions(LOSSES, "loss", Weight, "hinton: {temperature: 2, weight: 0.9}")

    weight: Weight = Field(1.0, description="what the term is multiplied by; a number or {from, to}")
    loss: SerializeAsAny[Loss] = Field(description="its options")


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
