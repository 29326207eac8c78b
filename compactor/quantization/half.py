"""float16 for GPUs: half the bytes, and products on the tensor cores. Implemented; verified on the CPU provider only."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto

from compactor.base.errors import CompactorError, StageError
from compactor.quantization.dynamic import quantizer_failed
from compactor.quantization.folder import write_folder
from compactor.quantization.graph import load_float, strip


def convert_fp16(source: Path, folder: Path, *, keep: Sequence[str] = ()) -> dict[str, Any]:
    """Convert an fp32 ONNX folder to float16 with onnxruntime's converter; inputs and outputs stay as they were.

    Args:
        source: ONNX folder in fp32.
        folder: is filled.
        keep: patterns of node names to leave in float32.

    Returns:
        `float16_parameters`, `float_parameters`, `kept_nodes`, `size_bytes`, `seconds`.

    Raises:
        StageError: Q101 no weight changed, Q102 quantized already, Q105 a pattern fits nothing, Q106 the converter failed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    from onnxruntime.transformers.float16 import convert_float_to_float16

    begun = time.perf_counter()
    model = load_float(source)
    names = [node.name for node in model.graph.node]
    for pattern in keep:
        if not any(fnmatch(name, pattern) for name in names):
            raise StageError("Q105", f"keep: {pattern} fits no node", "* stands for any part, as in *classifier*")
    kept = [name for name in names if any(fnmatch(name, pattern) for pattern in keep)]
    try:
        model = convert_float_to_float16(model, keep_io_types=True, node_block_list=kept)
    except CompactorError:
        raise
    except Exception as error:  # the converter raises bare exceptions and assertions
        raise quantizer_failed(error) from error
    strip(model)
    sizes = {kind: _parameters(model, kind) for kind in (TensorProto.FLOAT16, TensorProto.FLOAT)}
    if not sizes[TensorProto.FLOAT16]:
        raise StageError("Q101", "quantize changed nothing: no weight has 16 bits", "shorten keep, or leave quantize out")
    size_bytes = write_folder(model, source, folder, precision="fp16")
    return {
        "float16_parameters": sizes[TensorProto.FLOAT16],
        "float_parameters": sizes[TensorProto.FLOAT],
        "kept_nodes": kept,
        "size_bytes": size_bytes,
        "seconds": round(time.perf_counter() - begun, 3),
    }


def _parameters(model: onnx.ModelProto, kind: int) -> int:
    import math

    return sum(math.prod(tensor.dims) for tensor in model.graph.initializer if tensor.data_type == kind)
