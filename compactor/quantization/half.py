"""float16: half the size and, on GPUs, twice the speed; what would overflow stays in float32."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from compactor.base.errors import CompactorError, StageError
from compactor.quantization.calibration import activation_ranges
from compactor.quantization.dynamic import quantizer_failed
from compactor.quantization.folder import scratch, write_folder
from compactor.quantization.graph import drop_unused, fits, float_outputs, load_float, put_in_order, strip

LARGEST = float(np.finfo(np.float16).max)  # 65504
BEYOND_ALL = float(np.finfo(np.float32).max)  # stands for infinity, which JSON cannot write
AFTER_KEPT = "_cast_to_fp16"  # how the converter names what a kept node gives, in float32


def convert_fp16(
    source: Path, folder: Path, batches: Iterable[dict[str, np.ndarray]] = (), *, keep: Sequence[str] = ()
) -> dict[str, Any]:
    """Convert an fp32 ONNX folder to float16 with onnxruntime's converter; inputs and outputs stay as they were.

    A node that reads or gives a number beyond 65504, in its weights or on the given rows, stays in float32, and so does the way
    from one such node to the next: the converter alone would cut it off to infinity between them.

    Args:
        source: ONNX folder in fp32.
        folder: is filled.
        batches: rows to look at activations on, without padding (a mask's constant is meant to be beyond all numbers); none: weights alone.
        keep: patterns of node names to leave in float32.

    Returns:
        `float16_parameters`, `float_parameters`, `kept_nodes`, `overflowing_nodes` (the largest magnitude by node's name),
        `size_bytes`, `seconds`.

    Raises:
        StageError: Q101 no weight changed, Q102 quantized already, Q105 a pattern fits nothing, Q106 the converter failed, Q108 an
            answer is not finite in float32 already.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    from onnxruntime.transformers.float16 import convert_float_to_float16

    begun = time.perf_counter()
    model = load_float(source)
    kept = kept_names(model, keep)
    with scratch(folder) as place:
        beyond = overflowing(model, batches, place)
    try:
        model = convert_float_to_float16(model, keep_io_types=True, node_block_list=[*kept, *beyond])
    except CompactorError:
        raise
    except Exception as error:  # the converter raises bare exceptions and assertions
        raise quantizer_failed(error) from error
    if kept or beyond:
        join_casts(model)
    put_in_order(model.graph)  # the converter adds its casts at the end, that of an input in float too
    strip(model)
    facts = half_facts(model, TensorProto.FLOAT16)
    size_bytes = write_folder(model, source, folder, precision="fp16")
    return {
        **facts,
        "kept_nodes": [*kept, *(name for name in beyond if name not in kept)],
        "overflowing_nodes": beyond,
        "size_bytes": size_bytes,
        "seconds": round(time.perf_counter() - begun, 3),
    }


def kept_names(model: onnx.ModelProto, keep: Sequence[str]) -> list[str]:
    """Return the names of the nodes that patterns mean; Q105 for a pattern that means none."""
    names = [node.name for node in model.graph.node]
    for pattern in keep:
        if not any(fits(name, pattern) for name in names):
            raise StageError("Q105", f"keep: {pattern} fits no node", "* stands for any part, as in *classifier*")
    return [name for name in names if any(fnmatch(name, pattern) or name == pattern for pattern in keep)]


def half_facts(model: onnx.ModelProto, kind: int) -> dict[str, int]:
    """Return how many parameters have 16 bits and how many 32; Q101 when none has 16."""
    counts = dict.fromkeys((kind, TensorProto.FLOAT), 0)
    for tensor in model.graph.initializer:
        if tensor.data_type in counts:
            counts[tensor.data_type] += math.prod(tensor.dims)
    if not counts[kind]:
        raise StageError("Q101", "quantize changed nothing: no weight has 16 bits", "shorten keep, or leave quantize out")
    name = "float16" if kind == TensorProto.FLOAT16 else "bfloat16"
    return {f"{name}_parameters": counts[kind], "float_parameters": counts[TensorProto.FLOAT]}


def overflowing(model: onnx.ModelProto, batches: Iterable[dict[str, np.ndarray]], place: Path) -> dict[str, float]:
    """Return the largest magnitude beyond float16's range that each node reads or gives, by the node's name; other nodes are left out.

    Args:
        model: in fp32.
        batches: inputs by name, without padding; none: only weights are looked at.
        place: folder for the graph that is run.
    """
    largest = {tensor.name: _largest(tensor) for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT}
    # A single number, such as that of a mask, may as well be the largest there is.
    largest = {
        tensor.name: largest[tensor.name] for tensor in model.graph.initializer if tensor.name in largest and tensor.dims
    }
    rows = list(batches)
    if rows:
        # What is infinite in float32 already, and then discarded, as the logarithm of 0 in buckets of distances, is in float16 too.
        outputs = {value.name for value in model.graph.output}
        ranges = activation_ranges(model, float_outputs(model), rows, method="minmax", place=place, finite=outputs)
        largest |= {name: _magnitude(*ends) for name, ends in ranges.items()}
    found = {
        node.name: max((largest.get(name, 0.0) for name in (*node.input, *node.output)), default=0.0)
        for node in model.graph.node
    }
    return {name: value for name, value in found.items() if value > LARGEST}


def join_casts(model: onnx.ModelProto) -> None:
    """Let float32 that the converter casts to float16 and back between two kept nodes be read as it is, in place."""
    makers = {node.output[0]: node for node in model.graph.node if node.op_type == "Cast"}
    straight = {}
    for name, node in makers.items():
        before = makers.get(node.input[0])
        if before is not None and _kind(node) == TensorProto.FLOAT and before.input[0].endswith(AFTER_KEPT):
            straight[name] = node.input[0] = before.input[
                0
            ]  # what is left is a cast of float32 to itself, for an output of the graph
    for node in model.graph.node:
        for at, name in enumerate(node.input):
            node.input[at] = straight.get(name, name)
    _drop_unread(model.graph)


def _drop_unread(graph: onnx.GraphProto) -> None:
    """Remove casts that nobody reads any more."""
    while True:
        read = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
        unread = [at for at, node in enumerate(graph.node) if node.op_type == "Cast" and node.output[0] not in read]
        if not unread:
            break
        for at in reversed(unread):
            del graph.node[at]
    drop_unused(graph)


def _kind(node: onnx.NodeProto) -> int:
    return next(int(attribute.i) for attribute in node.attribute if attribute.name == "to")


def _magnitude(low: float, high: float) -> float:
    """Return the largest magnitude of a range; that of infinity and NaN is the largest of float32."""
    found = max(-low, high)
    return min(found, BEYOND_ALL) if not math.isnan(low + high) else BEYOND_ALL


def _largest(tensor: onnx.TensorProto) -> float:
    return float(np.abs(numpy_helper.to_array(tensor)).max(initial=0.0))
