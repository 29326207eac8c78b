"""Two models, or two depths of one: the cheap one answers what it is sure of, the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from compactor.base.artifact import Artifact
from compactor.base.errors import Problem
from compactor.base.settings import setting
from compactor.stages._contract import Stage, Work

if TYPE_CHECKING:
    from compactor.targets import Target
    from compactor.tasks import Task


class Cascade(Stage):
    """Calibrate both on validation rows, and choose how sure the cheap one must be."""

    takes: ClassVar[frozenset[str]] = frozenset({"onnx"})
    gives: ClassVar[str] = "cascade"
    once: ClassVar[bool] = True

    larger: str | None = setting(
        None,
        "name of an earlier step, such as teacher, whose model answers what this one is unsure of; it goes through the same export and "
        "quantize. By default the model's own last layer, after its early exits",
    )
    max_drop: float = setting(
        0.005,
        "how far the task's figure on validation rows may fall below that of the larger model, or of the last layer",
        ge=0,
    )
    confidence: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = setting(
        "auto", "probability from which on the cheap one answers; auto: the lowest that stays within max_drop"
    )

    @property
    def beside(self) -> str:
        """The larger model's step."""
        return self.larger or ""

    def problems(self, *, task: Task, target: Target) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
        """Yield what is wrong with these settings."""
        if task.label_kind != "class" or task.input_kind != "text":
            sentence = f"a cascade is as sure as its likeliest class, and {task.name} does not give one class a text"
            yield (), Problem("P285", sentence, "leave cascade out")
        if self.larger is not None and (target.io_binding or target.cuda_graphs):
            sentence = f"{target.name} binds the outputs of one graph to the device, and a cascade of two decides between them"
            yield ("larger",), Problem("P285", sentence, "use early exits, or a target without io_binding and cuda_graphs")
        if self.confidence != "auto" and "max_drop" in self.model_fields_set:
            sentence = "both confidence and max_drop are given, and a confidence that is given needs no search"
            yield ("max_drop",), Problem("P285", sentence, "leave one of them out")

    def run(self, source: Artifact | None, work: Work) -> None:
        """Fill `work.folder` with the two models and their rule, or with the graph that stops early."""
        from compactor.stages import _cascading

        assert source is not None
        if self.larger is None:
            _cascading.stop_early(self, source.folder, work)
        else:
            assert work.larger is not None
            _cascading.join(self, source.folder, work.larger.folder, work)
