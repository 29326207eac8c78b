"""Reads queries, keys and values out of a running encoder, and tells its shape to the losses."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from compactor.distillation.losses import Shape
from compactor.models.families import describe, is_layered
from compactor.models.sentence_encoder import SentenceEncoder


def shape_of(model: nn.Module) -> Shape:
    """Return what losses may ask about a model; 0 layers for one that is not built of layers known here.

    Of such a model the states may be compared only if its class says `gives_hidden_states = True` and takes `output_hidden_states`.
    """
    config: Any = model.config
    labels = _answers(model)
    if not is_layered(model):
        return Shape(0, int(config.hidden_size) if getattr(model, "gives_hidden_states", False) else 0, labels=labels)
    encoder = describe(model)
    if encoder.causal:  # its queries and keys are turned by their places after they were recorded, and see the left alone
        return Shape(len(encoder.parts), encoder.hidden, labels=labels, causal=True)
    inner = tuple(layer.query.out_features for layer in encoder.parts)
    return Shape(len(encoder.parts), encoder.hidden, inner, tuple(layer.heads for layer in encoder.parts), labels)


def _answers(model: nn.Module) -> int:
    """Return how many numbers a model answers with; 0 where that is not known."""
    if isinstance(model, SentenceEncoder):
        return model.layout.dimension
    config: Any = model.config
    return int(config.num_labels) if hasattr(model, "classifier") or hasattr(model, "score") else 0


class Recorder:
    """Keeps what the query, key and value maps of some layers (numbered from 0) give, while the block is open."""

    def __init__(self, model: nn.Module, layers: Iterable[int]) -> None:
        self._model, self._layers = model, sorted(set(layers))
        self._kept: dict[tuple[int, str], Tensor] = {}
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> Recorder:
        parts = describe(self._model).parts if self._layers else ()
        for number in self._layers:
            layer = parts[number]
            for name, module in (("query", layer.query), ("key", layer.key), ("value", layer.value)):
                self._handles.append(module.register_forward_hook(self._keeper(number, name)))
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        for handle in self._handles:
            handle.remove()

    def relations(self) -> dict[int, tuple[Tensor, Tensor, Tensor]]:
        """Return (query, key, value) of each layer, float32 (rows, length, heads * head size)."""
        kept = self._kept
        return {number: (kept[number, "query"], kept[number, "key"], kept[number, "value"]) for number in self._layers}

    def _keeper(self, number: int, name: str) -> Any:
        def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            self._kept[number, name] = output.float()

        return keep
