"""The optimizer, and its state as named tensors for a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from compactor.base.errors import MissingError

if TYPE_CHECKING:
    from compactor.distillation.trainer import TrainSettings


def make_optimizer(named: Mapping[str, nn.Parameter], settings: TrainSettings) -> torch.optim.Optimizer:
    """Return AdamW (Loshchilov, Hutter 2019, arXiv:1711.05101); matrices decay, vectors (biases, norms) do not.

    `adamw8bit` keeps both moments of matrices with 4,096 numbers or more as 8-bit codes, in blocks with a scale each (Dettmers et al. 2022,
    arXiv:2110.02861): 2 bytes a weight instead of 8. Its steps differ a little from AdamW's, and are slower on a CPU.

    Raises:
        MissingError: L154 bitsandbytes is not installed.
    """
    groups = [
        {"params": [value for value in named.values() if value.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [value for value in named.values() if value.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError as error:
        raise MissingError(
            "L154", f"adamw8bit needs bitsandbytes ({error})", 'pip install "compactor[bnb]", or set train.optimizer: adamw'
        ) from error
    optimizer: torch.optim.Optimizer = AdamW8bit(groups, lr=settings.learning_rate)
    return optimizer


def optimizer_state(
    optimizer: torch.optim.Optimizer, named: Mapping[str, nn.Parameter]
) -> tuple[dict[str, Tensor], dict[str, dict[str, Any]]]:
    """Return what the optimizer keeps of each parameter: its tensors as `optimizer/KIND/NAME`, its plain numbers by name."""
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, dict[str, Any]] = {}
    for name, parameter in named.items():
        for kind, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                tensors[f"optimizer/{kind}/{name}"] = value
            else:
                numbers.setdefault(name, {})[kind] = value
    return tensors, numbers


def restore_optimizer(
    optimizer: torch.optim.Optimizer,
    named: Mapping[str, nn.Parameter],
    tensors: Mapping[str, Tensor],
    numbers: Mapping[str, dict[str, Any]],
) -> None:
    """Put back what `optimizer_state` returned; AdamW's own step count stays on the CPU or the device as it was made."""
    for key, value in tensors.items():
        if key.startswith("optimizer/"):
            _, kind, name = key.split("/", 2)
            parameter = named[name]
            optimizer.state[parameter][kind] = value.to(parameter.device)
    for name, values in numbers.items():
        optimizer.state[named[name]].update(values)
