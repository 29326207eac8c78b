"""Reads queries, keys and values out of a running encoder, and tells its shape to the losses."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from compactor.distillation.losses import Shape
from compactor.models.families import describe


def shape_of(model: nn.Module) -> Shape:
    """Return layers, width and heads of an encoder."""
    encoder = describe(model)
    return Shape(len(encoder.parts), encoder.hidden, tuple(layer.heads for layer in encoder.parts))


class Recorder:
    """Keeps what the query, key and value maps of some layers give, while the block is open.

    All terms of one objective that want relations must want the same layer; the last of `layers` is the one recorded.
    """

    def __init__(self, model: nn.Module, layers: tuple[int, ...]) -> None:
        self._model, self._layers = model, layers
        self._kept: dict[str, Tensor] = {}
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> Recorder:
        if self._layers:
            layer = describe(self._model).parts[self._layers[-1]]
            for name, module in (("query", layer.query), ("key", layer.key), ("value", layer.value)):
                self._handles.append(module.register_forward_hook(self._keeper(name)))
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        for handle in self._handles:
            handle.remove()

    def relations(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """Return (query, key, value), each (rows, length, heads * head size); None when no layer was asked for."""
        return (self._kept["query"], self._kept["key"], self._kept["value"]) if self._kept else None

    def _keeper(self, name: str) -> Any:
        def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            self._kept[name] = output

        return keep
