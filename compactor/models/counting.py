"""How many parameters a model has, by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def parameter_count(model: nn.Module) -> dict[str, int]:
    """Return the number of parameters: `total`, `embeddings`, `encoder` (the layers) and `head` (pooler, classifier, the rest).

    A student without layers tells its parts itself: of a static one `encoder` is 0, of a convolutional one it is the filters.
    """
    from compactor.models.families import describe

    if hasattr(model, "part_sizes"):
        parts: dict[str, int] = model.part_sizes()  # type: ignore[operator]
        return {"total": sum(parts.values()), **parts}
    encoder = describe(model)
    total = sum(parameter.numel() for parameter in model.parameters())
    embeddings = sum(parameter.numel() for module in encoder.before_layers for parameter in module.parameters())
    layers = sum(parameter.numel() for parameter in encoder.layers.parameters())
    return {"total": total, "embeddings": embeddings, "encoder": layers, "head": total - embeddings - layers}
