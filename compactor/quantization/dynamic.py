"""Dynamic int8: weights in 8 bits, activations quantized anew for each answer, no calibration."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx

from compactor.base.errors import CompactorError, StageError
from compactor.quantization.folder import scratch, write_folder
from compactor.quantization.graph import account, choose, load_float, split_gemms, strip
from compactor.quantization.tables import TABLE_BITS, put_tables


def quantize_dynamic_int8(
    source: Path,
    folder: Path,
    *,
    reduce_range: bool,
    per_channel: bool = True,
    embeddings: bool = True,
    table_block: int | None = None,
    keep: Sequence[str] = (),
) -> dict[str, Any]:
    """Quantize the weights of an unfused fp32 ONNX folder with onnxruntime's `quantize_dynamic`.

    Matrices become int8, symmetric, one scale a column (`per_channel`) or one in all; tables become int8 with one scale. Signed
    weights with unsigned activations are the pair that processors have dot products for.

    Args:
        source: ONNX folder in fp32, not optimized by onnxruntime (fused attention would run slower in int8).
        folder: is filled.
        reduce_range: 7-bit weights, for processors without 8-bit dot products: there, 8 bits overflow the 16-bit sums.
        per_channel: halves the error; slower on no processor.
        embeddings: quantize the tables too, for size.
        table_block: tables in 4 bits, so many columns of a row with one scale, which onnxruntime can look up since 1.23; None: in 8.
        keep: patterns of node names to leave in float.

    Returns:
        The facts of `graph.account`, `size_bytes`, `seconds`.

    Raises:
        StageError: Q101 nothing to quantize, Q102 quantized already, Q105 a pattern fits nothing, Q106 onnxruntime failed.
    """
    begun = time.perf_counter()
    model = load_float(source)
    split_gemms(model)
    chosen = choose(model, embeddings=embeddings, keep=keep)
    left = [*chosen.products, *(() if table_block is not None else chosen.tables)]
    if left:  # to the library an empty list means all
        with scratch(folder) as place:
            model = _by_library(model, left, place, per_channel=per_channel, reduce_range=reduce_range)
    # Afterwards: the library takes DequantizeLinear for a sign that the model was quantized before, and warns.
    if table_block is not None:
        put_tables(model, chosen.tables, TABLE_BITS, table_block)
    strip(model)
    facts = account(model, chosen)
    size_bytes = write_folder(model, source, folder, precision="int8-dynamic", reduce_range=reduce_range)
    return {**facts, "size_bytes": size_bytes, "seconds": round(time.perf_counter() - begun, 3)}


def _by_library(
    model: onnx.ModelProto, nodes: Sequence[str], place: Path, *, per_channel: bool, reduce_range: bool
) -> onnx.ModelProto:
    """Return the model with the named MatMul and Gather nodes quantized by onnxruntime; its files go into an empty folder."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    add_pre_process_metadata(model)  # else it logs advice to fuse first, which is wrong for int8; `strip` takes the mark off
    try:
        onnx.save(model, str(place / "float.onnx"))
        quantize_dynamic(
            str(place / "float.onnx"),  # as a path: given a graph, it would work in the system's temporary folder
            str(place / "int8.onnx"),
            op_types_to_quantize=["MatMul", "Gather"],
            nodes_to_quantize=list(nodes),
            per_channel=per_channel,
            reduce_range=reduce_range,
            weight_type=QuantType.QInt8,
            # A product whose type shape inference cannot tell, as in some graphs of the dynamo exporter, is float.
            extra_options={"MatMulConstBOnly": True, "WeightSymmetric": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
        )
        return onnx.load(str(place / "int8.onnx"))
    except (OSError, CompactorError):
        raise
    except Exception as error:  # the quantizer raises bare Exception and assertions
        raise quantizer_failed(error) from error


def quantizer_failed(error: Exception) -> StageError:
    """Put a failure of onnxruntime's quantizer into a sentence."""
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    return StageError(
        "Q106", f"onnxruntime's quantizer failed: {reason}", "export with backend: torchscript and opset: 17, then try again"
    )
