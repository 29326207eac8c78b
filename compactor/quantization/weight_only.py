"""Weights alone in 2, 4 or 8 bits, for size: MatMulNBits and GatherBlockQuantized of onnxruntime."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from compactor.quantization.blocks import Blocks, round_to_nearest
from compactor.quantization.custom import add_parts, become, import_domain
from compactor.quantization.folder import scratch, write_folder
from compactor.quantization.graph import QUANTIZED_OPERATORS, Chosen, choose, load_float, split_gemms, strip
from compactor.quantization.rounding import Batches, round_with_awq, round_with_gptq
from compactor.quantization.tables import TABLE_BITS, put_tables

Algorithm = Literal["rtn", "gptq", "awq"]


def quantize_weights(
    source: Path,
    folder: Path,
    batches: Iterable[dict[str, np.ndarray]] = (),
    *,
    algorithm: Algorithm = "rtn",
    bits: int = 4,
    block: int = 32,
    embeddings: bool = True,
    keep: Sequence[str] = (),
    accuracy_level: int = 4,
    block_tables: bool = True,
) -> dict[str, Any]:
    """Quantize the matrices of an unfused fp32 ONNX folder in blocks; activations stay float between nodes.

    Args:
        source: ONNX folder in fp32.
        folder: is filled.
        batches: rows for `gptq` and `awq`, int64 (batch, sequence), without padding.
        algorithm: `rtn` rounds each weight by itself; `gptq` see `gptq.gptq`; `awq` see `awq.awq_scales`.
        bits: of a weight: 2, 4 or 8. Tables have at least 4.
        block: weights along the inputs that share a scale: 16, 32, 64, 128 or 256. A table whose width is no multiple of it gets int8.
        embeddings: quantize the tables too.
        keep: patterns of node names to leave in float.
        accuracy_level: 4 lets the kernel multiply with activations in 8 bits, 0 in float.
        block_tables: tables in few bits too, which onnxruntime can look up since 1.23; otherwise they get int8.

    Returns:
        `algorithm`, `bits`, `block`, `quantized_nodes`, `kept_nodes`, `quantized_parameters`, `float_parameters`, `operators`,
        `size_bytes`, `seconds`. With rows also `output_error` and `output_error_rtn`, the mean over the products of the squared error
        over the square of the output, and with awq `scaled_inputs`.

    Raises:
        StageError: Q101 nothing to quantize, Q102 quantized already, Q105 a pattern fits nothing, Q107 no rows, Q108 not finite.
    """
    begun = time.perf_counter()
    model = load_float(source)
    split_gemms(model)
    chosen = choose(model, embeddings=embeddings, keep=keep)
    with scratch(folder) as place:
        rounded, told = _rounded(model, chosen, list(batches), algorithm, bits, block, place)
    parameters = sum(each.codes.size for each in rounded.values())
    _put_products(model, chosen, rounded, accuracy_level)
    parameters += put_tables(model, chosen.tables, max(bits, TABLE_BITS), block if block_tables else None)
    strip(model)
    size_bytes = write_folder(model, source, folder, precision=f"int{bits}-{algorithm}")
    return {
        "algorithm": algorithm,
        "bits": bits,
        "block": block,
        **account_weights(model, chosen),
        "quantized_parameters": parameters,
        **told,
        "size_bytes": size_bytes,
        "seconds": round(time.perf_counter() - begun, 3),
    }


def account_weights(model: onnx.ModelProto, chosen: Chosen) -> dict[str, Any]:
    """Say what became of the nodes, and how many weights are still in float (the scales of blocks not counted)."""
    counts = Counter(node.op_type for node in model.graph.node)
    kinds = [(tensor.data_type, int(np.prod(tensor.dims, dtype=np.int64))) for tensor in model.graph.initializer]
    scales = sum(int(np.prod(t.dims, dtype=np.int64)) for t in model.graph.initializer if t.name.endswith("_block_scales"))
    return {
        "quantized_nodes": len(chosen.products) + len(chosen.tables),
        "kept_nodes": list(chosen.kept),
        "float_parameters": sum(size for kind, size in kinds if kind == TensorProto.FLOAT) - scales,
        "operators": {name: counts[name] for name in sorted(QUANTIZED_OPERATORS & counts.keys())},
    }


def _rounded(
    model: onnx.ModelProto, chosen: Chosen, batches: Batches, algorithm: Algorithm, bits: int, block: int, place: Path
) -> tuple[dict[str, Blocks], dict[str, Any]]:
    """Return the quantized matrices (outputs, inputs) by the name of the initializer, and what is to be told."""
    if algorithm == "gptq":
        return round_with_gptq(model, chosen.products, batches, bits, block, place)
    if algorithm == "awq":
        return round_with_awq(model, chosen.products, batches, bits, block, place)
    names = {node.input[1] for node in model.graph.node if node.name in chosen.products}
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.name in names}
    return {name: round_to_nearest(array.T, bits, block) for name, array in arrays.items()}, {}


def _put_products(model: onnx.ModelProto, chosen: Chosen, rounded: dict[str, Blocks], accuracy_level: int) -> None:
    """Turn each chosen MatMul into MatMulNBits, in place."""
    for name, blocks in rounded.items():
        add_parts(model, name, {"codes": blocks.packed_codes(), "block_scales": blocks.scales, "zeros": blocks.packed_zeros()})
    for node in model.graph.node:
        if node.name not in chosen.products:
            continue
        matrix = node.input[1]
        blocks = rounded[matrix]
        sizes = {"K": blocks.codes.shape[1], "N": blocks.codes.shape[0], "bits": blocks.bits, "block_size": blocks.block}
        inputs = [node.input[0], *(f"{matrix}_{part}" for part in ("codes", "block_scales", "zeros"))]
        become(node, "MatMulNBits", inputs, {**sizes, "accuracy_level": accuracy_level})
    import_domain(model)
