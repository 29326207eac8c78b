"""What a cut is to reach: a share, a number of parameters, a size or a time. Settings only; light."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, Self

from pydantic import model_validator

from compactor.base.errors import Problem
from compactor.base.settings import Settings, setting

if TYPE_CHECKING:
    from compactor.targets import Target

KINDS = ("ratio", "parameters", "size_mb", "latency_ms", "speedup")
Part = Literal["intermediate", "heads"]


class Aim(Settings):
    """What the narrowed model must be; exactly one of ratio, parameters, size_mb, latency_ms, speedup."""

    ratio: float | None = setting(None, "share of the model's parameters that stays, embeddings and head counted", gt=0, lt=1)
    parameters: float | None = setting(None, "most parameters, such as 5e6", gt=0)
    size_mb: float | None = setting(
        None,
        "most megabytes (10^6 bytes) of all that the app ships, after a plain export and quantization to `precision`",
        gt=0,
    )
    latency_ms: float | None = setting(
        None,
        "longest median time of a text of real length, batch 1, in milliseconds on the target, after a plain export and quantization to "
        "`precision`; from times of one layer at several widths",
        gt=0,
    )
    speedup: float | None = setting(
        None,
        "how many times faster than the model as it is, known as `latency_ms` is; a profile for any machine can name this",
        gt=1,
    )
    precision: Literal["int8", "fp32"] = setting("int8", "of the graph whose size or time is meant: dynamic int8, or floats")
    parts: tuple[Part, ...] = setting(("intermediate", "heads"), "what may be cut for it", min_length=1)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [name for name in KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            told = " and ".join(given) or "none of them"
            raise ValueError(f"an aim is one of {', '.join(KINDS)}, as in aim: {{parameters: 5e6}}; this one names {told}")
        if len(set(self.parts)) < len(self.parts):
            raise ValueError("parts names something twice")
        return self

    @property
    def kind(self) -> str:
        """Which of them is given."""
        return next(name for name in KINDS if getattr(self, name) is not None)

    @property
    def value(self) -> float:
        """The figure, in the unit of its name."""
        return float(getattr(self, self.kind))

    @property
    def needs_graph(self) -> bool:
        """Whether graphs are made to know what a model costs; then the target decides how."""
        return self.kind not in {"ratio", "parameters"}

    def problems(self, target: Target) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
        """Yield what is wrong with it for a target."""
        if self.needs_graph and self.precision not in target.precisions:
            sentence = f"{target.name} ({target.provider}) has no {self.precision} kernels"
            yield ("aim", "precision"), Problem("P176", sentence, f"use precision: {', '.join(target.precisions[:1])}")
