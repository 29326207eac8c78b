"""Fewer bits in an ONNX graph: dynamic and static int8 for processors, weights alone in 2 to 8 bits for size, 16-bit floats for GPUs."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compactor.quantization.bfloat import convert_bf16
    from compactor.quantization.dynamic import quantize_dynamic_int8
    from compactor.quantization.four_bit_floats import quantize_four_bit_floats
    from compactor.quantization.half import convert_fp16
    from compactor.quantization.static import quantize_static_int8
    from compactor.quantization.weight_only import quantize_weights

# Imported at first use: naming this room must not cost the import of onnxruntime.
_HOMES = {
    "quantize_dynamic_int8": "dynamic",
    "quantize_static_int8": "static",
    "quantize_weights": "weight_only",
    "quantize_four_bit_floats": "four_bit_floats",
    "convert_fp16": "half",
    "convert_bf16": "bfloat",
}

__all__ = [
    "convert_bf16",
    "convert_fp16",
    "quantize_dynamic_int8",
    "quantize_four_bit_floats",
    "quantize_static_int8",
    "quantize_weights",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
