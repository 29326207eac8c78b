"""Numbers of 16 bits inside the layers, 32 bits where logits and losses are made; and layers computed again to save memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Literal

import torch
from torch import Tensor, nn

from compactor.base.environment import BF16_INSTRUCTIONS, machine
from compactor.base.errors import StageError

Precision = Literal["auto", "fp32", "bf16"]


def choose_precision(wanted: Precision, device: torch.device, model: nn.Module) -> Literal["fp32", "bf16"]:
    """Return what a training computes in: `auto` is bf16 on a GPU or x86 processor that has it, and fp32 elsewhere.

    On other processors bf16 is run when it is asked for; without instructions of its own (AMX, AVX512-BF16) it is slower than fp32,
    measured 0.65 times as fast on AVX512-VNNI alone and 2.5 times as fast on AVX512-BF16 (benchmarks/README.md).

    Raises:
        StageError: L155 bf16 is asked for and the GPU has none, or the model has no body apart from its head.
    """
    gpu_without = device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False)
    whole = _body(model) is model
    if wanted == "bf16" and (gpu_without or whole):
        what = "this GPU has no bf16" if gpu_without else f"{type(model).__name__} has no body apart from its head"
        raise StageError("L155", f"train.precision is bf16, and {what}", "set train.precision: fp32")
    able = not whole and (not gpu_without if device.type == "cuda" else device.type == "cpu" and processor_has_bf16())
    return "bf16" if wanted == "bf16" or (wanted == "auto" and able) else "fp32"


def answering_precision(wanted: Precision, device: torch.device, model: nn.Module) -> Literal["fp32", "bf16"]:
    """Return what a teacher answers in: `choose_precision`, but a model without a body apart from its head answers in fp32."""
    return "fp32" if _body(model) is model else choose_precision(wanted, device, model)


def processor_has_bf16() -> bool:
    """Return whether products of bf16 numbers have instructions of their own here, as far as that was tried: AVX512-BF16 and AMX."""
    return not BF16_INSTRUCTIONS.isdisjoint(machine()["instruction_sets"])


@contextmanager
def computing_in(precision: Literal["fp32", "bf16"], model: nn.Module, device: torch.device) -> Iterator[None]:
    """Run the model's body in `precision` while the block runs; weights, head, logits, losses and optimizer stay fp32.

    Near the teacher the gradient of a KL divergence is a difference of nearly equal numbers: logits rounded to bf16 make it half wrong
    (measured 52 % at a gap of 0.05). So the head is left out, and what the body gives is widened first.
    """
    if precision == "fp32":
        yield
        return
    body: Any = _body(model)
    body.forward = _lowered(body.forward, device.type)
    try:
        yield
    finally:
        del body.forward  # the instance's; the class's own is seen again


@contextmanager
def computing_again(wanted: bool, model: nn.Module) -> Iterator[None]:
    """Keep only what enters each layer, and compute the inside again in the backward pass (Chen et al. 2016, arXiv:1604.06174).

    Raises:
        StageError: L156 this kind of model cannot.
    """
    if not wanted:
        yield
        return
    given: Any = model
    if not getattr(model, "supports_gradient_checkpointing", False):
        raise StageError(
            "L156", f"train.checkpointing is on, and {type(model).__name__} has no layers to compute again", "leave it out"
        )
    # transformers 5 renamed both; 4.57 has the old names only.
    newer = hasattr(given, "activation_checkpointing_enable")
    word = "activation" if newer else "gradient"
    getattr(given, f"{word}_checkpointing_enable")(**{f"{word}_checkpointing_kwargs": {"use_reentrant": False}})
    try:
        yield
    finally:
        getattr(given, f"{word}_checkpointing_disable")()


def _body(model: nn.Module) -> nn.Module:
    """Return the part of a transformers model that its head stands on; the model itself when it has none."""
    body: nn.Module = getattr(model, "base_model", model)
    return body


def _lowered(forward: Callable[..., Any], device: str) -> Callable[..., Any]:
    @wraps(forward)
    def lowered(*given: Any, **options: Any) -> Any:
        with torch.autocast(device, torch.bfloat16):
            return _widened(forward(*given, **options))

    return lowered


def _widened(value: Any) -> Any:
    """Return the same outputs with every 16-bit tensor in 32 bits."""
    if isinstance(value, Tensor):
        return value.float() if value.dtype == torch.bfloat16 else value
    if isinstance(value, dict):
        for name in value:
            value[name] = _widened(value[name])
        return value
    return tuple(_widened(part) for part in value) if isinstance(value, tuple) else value
