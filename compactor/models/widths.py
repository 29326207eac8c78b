"""Layers that are not all equally wide: kept as `layer_widths` in config.json, and rebuilt before weights are loaded.

`layer_widths` is a list with one `{"intermediate": int, "heads": int}` for each layer. A model whose layers are all alike and whose
heads fill the hidden width (or whose configuration says how large a head is) has none, and any reader of plain checkpoints loads it.
With grouped-query attention `heads` are those of the queries; how many share a head of key and value never changes.
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
    part = encoder.parts[0]
    if same and _says_head_size(config) and encoder.hidden % part.heads == 0:
        config.num_attention_heads, config.num_key_value_heads, config.head_dim = part.heads, part.kv_heads, part.head_size
    # Else a plain configuration can only say heads that together fill the hidden width.
    elif same and first["heads"] * part.head_size == encoder.hidden:
        config.num_attention_heads = first["heads"]
    else:
        setattr(config, FIELD, widths)


def _says_head_size(config: Any) -> bool:
    """Whether a configuration may say heads that do not fill the hidden width: a decoder's, which names the size of a head.

    Even there Llama's own check wants the number of heads to divide the hidden width.
    """
    return hasattr(config, "num_key_value_heads")


def reshape(model: nn.Module, widths: list[dict[str, int]]) -> None:
    """Give each layer new, uninitialised matrices of the widths asked for; head size and hidden width stay."""
    for layer, width in zip(describe(model).parts, widths, strict=True):
        inner, shared = width["heads"] * layer.head_size, width["heads"] // layer.group * layer.head_size
        set_heads(layer, width["heads"])
        resize(layer.query, outputs=inner)
        resize(layer.key, outputs=shared)
        resize(layer.value, outputs=shared)
        resize(layer.attention_output, inputs=inner)
        for linear in (layer.intermediate, layer.gate):
            if linear is not None:
                resize(linear, outputs=width["intermediate"])
        resize(layer.output, inputs=width["intermediate"])


def set_heads(layer: Layer, heads: int) -> None:
    """Tell an attention module how many heads its matrices hold; the matrices are not touched."""
    attention, size = layer.attention, layer.head_size
    if layer.naming.heads:
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
