"""The part of the modeling file of `compactor.models.standalone` that is the same for every family. Not imported by compactor."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import BertForSequenceClassification as Even

WHERE: dict[str, str] = {}
# --- the rest is the same for every family ---


class FactorizedTable(nn.Embedding):
    """A lookup in a narrow table, followed by a projection to the width that the model reads."""

    def __init__(self, pieces: int, narrow: int, width: int, padding_idx: int | None = None) -> None:
        super().__init__(pieces, narrow, padding_idx)
        self.projection = nn.Linear(narrow, width, bias=False)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # torch's own name
        """Return the vectors of ids, (..., width)."""
        vectors: Tensor = self.projection(super().forward(input))
        return vectors


class UnevenModel(Even):  # type: ignore[misc]  # transformers has no types
    """The family's own model; its matrices get the sizes of config.json before weights are loaded into them."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        narrow = getattr(config, "factorized_embedding", None)
        if narrow:
            table = self.get_input_embeddings()
            smaller = FactorizedTable(table.num_embeddings, narrow, table.embedding_dim, table.padding_idx)
            self.set_input_embeddings(smaller)
        widths = getattr(config, "layer_widths", None)
        for layer, width in zip(self.get_submodule(WHERE["layers"]), widths or (), strict=False):
            reshape(layer, width["heads"], width["intermediate"])


def reshape(layer: nn.Module, heads: int, intermediate: int) -> None:
    """Give the maps of a layer other sizes; the size of a head stays, and how many queries share a key."""
    part: dict[str, Any] = {name: layer.get_submodule(path) for name, path in WHERE.items() if name not in ("layers", "heads")}
    attention = part["attention"]
    size = getattr(attention, "attention_head_size", None) or attention.head_dim
    shared = heads * part["key"].out_features // part["query"].out_features
    if "heads" in WHERE:
        setattr(attention, WHERE["heads"], heads)
    for name in ("all_head_size", "dim"):
        if hasattr(attention, name):
            setattr(attention, name, heads * size)
    resize(part["query"], outputs=heads * size)
    resize(part["key"], outputs=shared * size)
    resize(part["value"], outputs=shared * size)
    resize(part["attention_output"], inputs=heads * size)
    resize(part["intermediate"], outputs=intermediate)
    if "gate" in part:
        resize(part["gate"], outputs=intermediate)
    resize(part["output"], inputs=intermediate)


def resize(linear: nn.Linear, inputs: int | None = None, outputs: int | None = None) -> None:
    """Give a linear map empty weights of another size."""
    linear.in_features = inputs or linear.in_features
    linear.out_features = outputs or linear.out_features
    linear.weight = nn.Parameter(linear.weight.new_empty(linear.out_features, linear.in_features))
    if linear.bias is not None:
        linear.bias = nn.Parameter(linear.bias.new_empty(linear.out_features))
