"""A model whose linear maps are held in 8 or 4 bits by bitsandbytes, to answer with less memory; it cannot be trained or exported.

8 bits: LLM.int8, rows of the weights and of the activations in int8, outlying activations apart (Dettmers et al. 2022,
arXiv:2208.07339). 4 bits: NF4 (Dettmers et al. 2023, arXiv:2305.14314). Tables, norms and the head stay in float.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any, Literal

from torch import nn

from compactor.base.errors import MissingError, StageError

LoadIn = Literal["8bit", "4bit"]
BLOCK = 64  # numbers of a 4-bit map that share a magnitude


def hold_in_few_bits(model: Any, load_in: LoadIn) -> dict[str, int]:
    """Replace the linear maps of a model's body, in place.

    In 4 bits a map whose inputs are no multiple of 64 stays in float: bitsandbytes encodes such a matrix as one run of numbers, and its
    kernel for processors (0.50) reads it row by row, which gives other numbers.

    Args:
        model: a transformers model in float32; put into `eval()`, without gradients.
        load_in: how many bits.

    Returns:
        `bytes_before` and `bytes` of all weights, `maps` replaced, `maps_in_float` of the body.

    Raises:
        MissingError: L166 bitsandbytes is not installed, or cannot be loaded here.
        StageError: L167 there was nothing to replace.
    """
    library = _library()
    before, body = weight_bytes(model), getattr(model, "base_model", model)
    found = [(parent, name, child) for parent in body.modules() for name, child in parent.named_children()]
    maps = [(parent, name, child) for parent, name, child in found if type(child) is nn.Linear]
    fitting = [each for each in maps if load_in == "8bit" or each[2].in_features % BLOCK == 0]
    if not fitting:
        sentence = f"load_in: {load_in} found no linear map in {type(model).__name__} that it can hold"
        raise StageError("L167", sentence, "leave teacher.load_in out")
    for parent, name, child in fitting:
        setattr(parent, name, _held(library, child, load_in))
    # LLM.int8 says at every product that it casts to half precision, as it always does.
    warnings.filterwarnings("ignore", message="MatMul8bitLt")
    model.eval().requires_grad_(False)
    return {
        "bytes_before": before,
        "bytes": weight_bytes(model),
        "maps": len(fitting),
        "maps_in_float": len(maps) - len(fitting),
    }


def weight_bytes(model: nn.Module) -> int:
    """Return the bytes of a model's weights and buffers, the scales of quantized ones included."""
    total = 0
    for tensor in (*model.parameters(), *model.buffers()):
        parts = [tensor, getattr(tensor, "SCB", None), getattr(getattr(tensor, "quant_state", None), "absmax", None)]
        total += sum(part.numel() * part.element_size() for part in parts if part is not None)
    return total


def _held(library: Any, linear: nn.Linear, load_in: LoadIn) -> nn.Module:
    """Return one map in few bits; it is quantized when it is moved to its device."""
    import torch

    shape, device = (linear.in_features, linear.out_features, linear.bias is not None), linear.weight.device
    if load_in == "8bit":
        held = library.nn.Linear8bitLt(*shape, has_fp16_weights=False, threshold=6.0)
        held.weight = library.nn.Int8Params(linear.weight.data, requires_grad=False, has_fp16_weights=False)
    else:
        held = library.nn.Linear4bit(*shape, compute_dtype=torch.float32, quant_type="nf4")
        held.weight = library.nn.Params4bit(linear.weight.data, requires_grad=False, quant_type="nf4", blocksize=BLOCK)
    held.bias = linear.bias
    moved: nn.Module = held.to(device)
    return moved


def _library() -> Any:
    """Return bitsandbytes, which tells at its import of every kernel that it could not find."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    try:
        import bitsandbytes
    except (ImportError, OSError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise MissingError(
            "L166", f"load_in needs bitsandbytes ({reason})", 'pip install "compactor[bnb]", or leave teacher.load_in out'
        ) from error
    return bitsandbytes
