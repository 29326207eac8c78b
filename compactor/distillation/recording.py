"""Reads queries, keys and values out of a running encoder, and tells its shape to the losses."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from compactor.distillation.losses import Shape
from compactor.models.families import describe


def shape_of(model: nn.Module) -> Shape:
    """Return layers, width and inner widths of an encoder."""
    encoder = describe(model)
    return Shape(len(encoder.parts), encoder.hidden, tuple(layer.query.out_features for layer in encoder.parts))


class Recorder:
    """Keeps what the query, key and value maps of some layers give, while the block is open."""

    def __init__(self, model: nn.Module, layers: tuple[int, ...]) -> None:
        self._model, self._layers = model, layers
        self._kept: dict[tuple[int, str], Tensor] = {}
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> Recorder:
        parts = describe(self._model).parts if self._layers else ()
        for number in set(self._layers):
            layer = parts[number]
            for name, module in (("query", layer.query), ("key", layer.key), ("value", layer.value)):
                self._handles.append(module.register_forward_hook(self._keeper(number, name)))
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        for handle in self._handles:
            handle.remove()

    def relations(self) -> dict[int, tuple[Tensor, Tensor, Tensor]]:
        """Return (query, key, value) by layer as it was numbered, each (rows, length, heads * head size)."""
        kept = self._kept
        return {
            number: (kept[number, "query"], kept[number, "key"], kept[number, "value"])
            for number, name in kept
            if name == "query"
        }

    def _keeper(self, number: int, name: str) -> Any:
        def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            self._kept[number, name] = output

        return keep
