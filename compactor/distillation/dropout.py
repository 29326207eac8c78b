"""The shares of numbers that a model drops while it is trained, wherever its class keeps them."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

# Classes that hand the share to the attention function keep it as a plain number (ViT, DeiT, Llama, Qwen).
PLAIN = "attention_dropout"


def dropouts(model: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """Yield (module, name of its attribute that is a share)."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            yield module, "p"
        elif isinstance(getattr(module, PLAIN, None), int | float):
            yield module, PLAIN


def set_dropout(model: nn.Module, share: float | None) -> None:
    """Let a model drop this share everywhere; None leaves it as it is."""
    for module, name in dropouts(model) if share is not None else ():
        setattr(module, name, share)
