"""Static int8: weights in 8 bits, activations in 8 bits with ranges measured beforehand, so that no answer depends on its batch."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from compactor.base.errors import CompactorError
from compactor.quantization.biases import correct_biases
from compactor.quantization.calibration import Method, activation_ranges
from compactor.quantization.dynamic import quantizer_failed
from compactor.quantization.folder import scratch, write_folder
from compactor.quantization.graph import PRODUCTS, Chosen, account, choose, load_float, put_in_order, strip
from compactor.quantization.histogram import Range
from compactor.quantization.smoothing import smooth
from compactor.quantization.tables import TABLE_BITS, put_tables


def quantize_static_int8(
    source: Path,
    folder: Path,
    batches: Iterable[dict[str, np.ndarray]],
    *,
    reduce_range: bool,
    per_channel: bool = True,
    embeddings: bool = True,
    table_block: int | None = None,
    keep: Sequence[str] = (),
    method: Method = "minmax",
    percentile: float = 99.999,
    bias_correction: bool = False,
    smoothing: float | None = None,
) -> dict[str, Any]:
    """Quantize an unfused fp32 ONNX folder to QDQ form: unsigned activations, signed weights.

    Only products with a constant matrix are quantized, and only their inputs: with quantized outputs accuracy falls, and with signed
    activations onnxruntime multiplies in float on x86, several times slower than fp32.

    Args:
        source: ONNX folder in fp32, not optimized by onnxruntime.
        folder: is filled.
        batches: rows to measure activations on, `input_ids` and so on, int64 (batch, sequence); read once.
        reduce_range: 7-bit weights, for processors without 8-bit dot products.
        per_channel: one scale a column of a matrix.
        embeddings: quantize the tables too.
        table_block: tables in 4 bits, so many columns of a row with one scale; None: in 8.
        keep: patterns of node names to leave in float.
        method: how ranges are found, see `calibration.activation_ranges`.
        percentile: of that method, in %.
        bias_correction: take the mean shift of each product off its bias, see `biases.correct_biases`; the batches are then kept.
        smoothing: alpha of `smoothing.smooth`, for pre-norm models; the batches are then kept.

    Returns:
        The facts of `graph.account`, `calibration_rows`, `size_bytes`, `seconds`, and `corrected_biases`, `smoothed_norms` where asked for.

    Raises:
        StageError: as `quantize_dynamic_int8`; Q120 from `smooth`; Q107 no rows, Q108 values that are not finite.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    begun, model = time.perf_counter(), load_float(source)
    chosen = choose(model, embeddings=embeddings, keep=keep)
    counter = _Counter(batches)
    rows: Any = list(counter) if bias_correction or smoothing is not None else counter
    further: dict[str, Any] = {}
    with scratch(folder) as place:
        if smoothing is not None:
            further["smoothed_norms"] = smooth(model, rows, smoothing, place)
        inputs = _activations(model, chosen)
        ranges = activation_ranges(model, inputs, rows, method=method, place=place, percentile=percentile) if inputs else {}
        if inputs:
            model = _quantize_products(model, chosen, ranges, per_channel=per_channel, reduce_range=reduce_range)
        put_tables(model, chosen.tables, TABLE_BITS, table_block)
        if bias_correction:
            further["corrected_biases"] = correct_biases(model, load_float(source), chosen.products, rows, place)
    strip(model)
    facts = {**account(model, chosen), **further, "calibration_rows": counter.rows}
    facts["size_bytes"] = write_folder(model, source, folder, precision="int8-static", reduce_range=reduce_range)
    return {**facts, "seconds": round(time.perf_counter() - begun, 3)}


class _Counter:
    """Batches passed on, their rows counted."""

    def __init__(self, batches: Iterable[dict[str, np.ndarray]]) -> None:
        self._batches = batches
        self.rows = 0

    def __iter__(self) -> Any:
        for batch in self._batches:
            self.rows += len(next(iter(batch.values())))
            yield batch


def _activations(model: onnx.ModelProto, chosen: Chosen) -> list[str]:
    """Name the tensors that enter the chosen products, each once."""
    wanted = set(chosen.products)
    return list(dict.fromkeys(node.input[0] for node in model.graph.node if node.name in wanted))


def _quantize_products(
    model: onnx.ModelProto, chosen: Chosen, ranges: dict[str, Range], *, per_channel: bool, reduce_range: bool
) -> onnx.ModelProto:
    from onnxruntime.quantization import CalibrationMethod, QDQQuantizer, QuantType, TensorsData

    found = {name: (np.array(low, dtype=np.float32), np.array(high, dtype=np.float32)) for name, (low, high) in ranges.items()}
    quantizer = QDQQuantizer(
        model,
        per_channel,
        reduce_range,
        QuantType.QInt8,
        QuantType.QUInt8,
        TensorsData(CalibrationMethod.MinMax, found),
        list(chosen.products),
        [],
        sorted(PRODUCTS),
        {"OpTypesToExcludeOutputQuantization": sorted(PRODUCTS), "WeightSymmetric": True, "ActivationSymmetric": False},
    )
    try:
        quantizer.quantize_model()
    except (OSError, CompactorError):
        raise
    except Exception as error:  # it raises bare Exception and assertions
        raise quantizer_failed(error) from error
    quantized: onnx.ModelProto = quantizer.model.model
    _leave_others_in_float(quantized, chosen)
    # The quantizer adds its nodes at the end; ONNX, bias correction and branches of an If want them in order.
    put_in_order(quantized.graph)
    return quantized


def _leave_others_in_float(model: onnx.ModelProto, chosen: Chosen) -> None:
    """Let every node but the chosen products read activations as they were before quantization, in place.

    The quantizer puts QuantizeLinear and DequantizeLinear before all readers of a tensor, the residual sums too, which costs
    accuracy and time and gains nothing.
    """
    wanted = set(chosen.products)
    quantize = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    floats = {
        node.output[0]: quantize[node.input[0]]
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in quantize
    }
    for node in model.graph.node:
        if node.name not in wanted:
            for position, name in enumerate(node.input):
                node.input[position] = floats.get(name, name)
