"""Has settings of every kind: nested, chosen, with a range, a union, and items that are parsed by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator

from compactor.base.errors import Problem
from compactor.base.settings import Settings, setting
from compactor.stages import Stage


class Schedule(Settings):
    """From one weight to another."""

    start: float = setting(doc="first", alias="from")
    end: float = setting(doc="last", alias="to")


class Hinton(Settings):
    """One loss."""

    temperature: float = setting(2.0, "how soft", gt=0)
    weight: float | Schedule = setting(1.0, "how much")


class Train(Settings):
    """How to train."""

    epochs: float = setting(3.0, "passes over the data", gt=0)
    batch_size: int = setting(32, "rows a step", ge=1, le=4096)
    decay: Literal["linear", "cosine"] = setting("linear", "how the rate falls")


def parse_by_hand(items: Any) -> Any:
    """Check `- hinton: {...}` without pydantic knowing of the name in between."""
    if not isinstance(items, list):
        raise ValueError("losses must be a list")  # noqa: TRY004
    return [Hinton.model_validate(item["hinton"]) for item in items]


class Distill(Stage):
    """Trains a student."""

    takes: ClassVar[frozenset[str]] = frozenset({"torch"})
    losses: list[dict[str, Hinton]] = setting([], "terms")
    by_hand: Annotated[list[Any], BeforeValidator(parse_by_hand)] = setting([], "terms, parsed by hand")
    train: Train = setting(Train(), "how to train")

    def problems(self, *, task, target) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
        if self.train.batch_size == 13:
            yield ("train", "batch_size"), Problem("L9", f"13 is unlucky for {task.name} on {target.name}", "take 12")

    def run(self, source, work):
        raise NotImplementedError
