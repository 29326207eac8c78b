"""Layers that are not all equally wide: kept as `layer_widths` in config.json, and rebuilt before weights are loaded.

`layer_widths` is a list with one `{"intermediate": int, "heads": int}` for each layer. A model whose layers are all alike and whose
heads fill the hidden width has none, and any reader of plain checkpoints loads it.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from compactor.models.families import Layer, describe

FIELD = "layer_widths"


def layer_widths(model: nn.Module) -> list[dict[str, int]]:
    """Return the widths that the layers of a model have now."""
    return [{"intermediate": layer.intermediate.out_features, "heads": layer.heads} for layer in describe(model).parts]


def read_widths(config: Any) -> list[dict[str, int]] | None:
    """Return the `layer_widths` of a transformers configuration; None for an ordinary model."""
    widths = getattr(config, FIELD, None)
    return [dict(width) for width in widths] if widths else None


def write_widths(model: Any) -> None:
    """Make `model.config` tell the widths that the layers really have, in the plainest way that is true."""
    encoder, widths, config = describe(model), layer_widths(model), model.config
    config.num_hidden_layers = len(widths)
    if hasattr(config, FIELD):
        delattr(config, FIELD)
    first = widths[0]
    same = all(width == first for width in widths)
    if same:
        config.__setattr__("hidden_dim" if hasattr(config, "hidden_dim") else "intermediate_size", first["intermediate"])
    # A plain configuration can only say heads that together fill the hidden width.
    if same and first["heads"] * encoder.parts[0].head_size == encoder.hidden:
        config.num_attention_heads = first["heads"]
    else:
        setattr(config, FIELD, widths)


def reshape(model: nn.Module, widths: list[dict[str, int]]) -> None:
    """Give each layer new, uninitialised matrices of the widths asked for; head size and hidden width stay."""
    for layer, width in zip(describe(model).parts, widths, strict=True):
        set_heads(layer, width["heads"])
        inner = width["heads"] * layer.head_size
        resize(layer.query, outputs=inner)
        resize(layer.key, outputs=inner)
        resize(layer.value, outputs=inner)
        resize(layer.attention_output, inputs=inner)
        resize(layer.intermediate, outputs=width["intermediate"])
        resize(layer.output, inputs=width["intermediate"])


def set_heads(layer: Layer, heads: int) -> None:
    """Tell an attention module how many heads its matrices hold; the matrices are not touched."""
    attention, size = layer.attention, layer.head_size
    setattr(attention, layer.naming.heads, heads)
    for name in ("all_head_size", "dim"):
        if hasattr(attention, name):
            setattr(attention, name, heads * size)


def resize(linear: nn.Linear, *, inputs: int | None = None, outputs: int | None = None) -> None:
    """Give a linear map empty weights of another size; a size not named stays."""
    inputs, outputs = inputs or linear.in_features, outputs or linear.out_features
    if (inputs, outputs) == (linear.in_features, linear.out_features):
        return
    linear.in_features, linear.out_features = inputs, outputs
    linear.weight = nn.Parameter(linear.weight.new_empty(outputs, inputs))
    if linear.bias is not None:
        linear.bias = nn.Parameter(linear.bias.new_empty(outputs))
