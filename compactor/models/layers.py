"""Some layers of a model and not the others: the list itself, and all that counts or numbers layers beside it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from torch import nn

from compactor.models.families import describe
from compactor.models.widths import write_widths

KINDS = "layer_types"  # one word for each layer in the configuration of some decoders: full or sliding attention


def keep_layers(model: Any, kept: Sequence[int]) -> None:
    """Keep only these layers of a model, in this order, in place; its configuration tells so. The weights that stay do not change.

    Layers of a decoder know their number, by which a cache of keys and values would be looked up: they are counted anew.

    Args:
        model: a transformers model that `families.describe` knows.
        kept: layer numbers from 0.
    """
    encoder, config = describe(model), model.config
    kinds = getattr(config, KINDS, None)
    if kinds:
        chosen = [kinds[number] for number in kept]
        config.num_hidden_layers = len(kept)  # both change before anybody compares them
        setattr(config, KINDS, chosen)
    parent, _, name = encoder.layers_path.rpartition(".")
    # A layer that is named twice becomes two.
    layers = nn.ModuleList(
        copy.deepcopy(encoder.layers[number]) if number in kept[:place] else encoder.layers[number]
        for place, number in enumerate(kept)
    )
    setattr(model.get_submodule(parent), name, layers)
    for number, layer in enumerate(layers):
        for module in layer.modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = number  # type: ignore[assignment]
    write_widths(model)
