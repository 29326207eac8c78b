"""What a quantized graph still carries, and what its weights may do on the target."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

from compactor.base.finding import Finding

if TYPE_CHECKING:
    import onnx

    from compactor.targets import Target

TABLE_SHARE = 0.1  # of the file, from which a table left in float is worth a word
SMALLEST = 4096  # bytes; small constants are often equal by chance
READABLE = 1e12  # a number beyond it is written with its power of ten
BLOCKS = (16, 32, 64, 128, 256)  # lengths that weights may share a scale over
PROVEN = (1, 31)  # onnxruntime whose kernels for blocks of few bits answered as numpy in the tests


def float_tables(model: onnx.ModelProto, *, place: str) -> Iterator[Finding]:
    """Yield a finding when lookup tables in fp32 are a tenth of the file or more."""
    from onnx import TensorProto

    tables = {node.input[0] for node in model.graph.node if node.op_type == "Gather"}
    floats = [t for t in model.graph.initializer if t.name in tables and t.data_type == TensorProto.FLOAT and len(t.dims) == 2]
    held = sum(4 * tensor.dims[0] * tensor.dims[1] for tensor in floats)
    if held >= TABLE_SHARE * model.ByteSize() and floats:
        sentence = f"{len(floats)} embedding tables are in fp32 and hold {held:,} of the file's {model.ByteSize():,} bytes"
        yield Finding("Q116", "note", sentence, "set embeddings: true, or keep fewer vocabulary pieces with prune", place)


def tables_in_bytes(model: onnx.ModelProto, block: int, *, place: str) -> Iterator[Finding]:
    """Yield a note when lookup tables got 8 bits where 4 were asked for, since their rows cannot be cut into blocks of that length."""
    from onnx import TensorProto

    tables = {node.input[0] for node in model.graph.node if node.op_type == "Gather"}
    bytewise = [t for t in model.graph.initializer if t.name in tables and t.data_type == TensorProto.INT8 and len(t.dims) == 2]
    widths = sorted({int(tensor.dims[1]) for tensor in bytewise if tensor.dims[1] % block})
    if widths:
        fitting = [size for size in BLOCKS if not any(width % size for width in widths)]
        hint = f"set weights: {{block: {fitting[-1]}}}" if fitting else "no block fits: the smallest one is 16"
        told = " and ".join(map(str, widths))
        sentence = f"lookup tables with rows of {told} numbers have 8 bits and not 4: {block}, the length of a block, does not divide that"
        yield Finding("Q127", "note", sentence, hint, place)


def duplicates(model: onnx.ModelProto, *, place: str) -> Iterator[Finding]:
    """Yield a finding when the same weights lie in the file more than once."""
    from onnx import numpy_helper

    first: dict[tuple[int, tuple[int, ...], str], str] = {}
    again: list[str] = []
    wasted = 0
    for tensor in model.graph.initializer:
        content = numpy_helper.to_array(tensor).tobytes()
        if len(content) < SMALLEST:
            continue
        key = (tensor.data_type, tuple(tensor.dims), sha256(content).hexdigest())
        if key in first:
            again.append(f"{tensor.name} is {first[key]}")
            wasted += len(content)
        first.setdefault(key, tensor.name)
    if again:
        sentence = f"{wasted:,} bytes of weights lie in the file twice: {again[0]}{' ...' if len(again) > 1 else ''}"
        yield Finding("Q117", "note", sentence, "export again: the exporter wrote a shared weight out for each use", place)


def saturation(target: Target, *, reduce_range: bool, place: str) -> Iterator[Finding]:
    """Yield a warning when 8-bit weights meet a processor that adds pairs of their products up in 16 bits.

    There 255 * 127 twice overflows; with 7 bits it fits. onnxruntime's documentation of `reduce_range` says the same.
    """
    if not (reduce_range or target.int8_dot_product):
        sentence = f"{target.name} has no 8-bit dot products, and with 8-bit weights its 16-bit sums may overflow: answers differ there"
        yield Finding("Q118", "warning", sentence, "leave reduce_range out, which gives 7-bit weights on this target", place)


def beyond_half(overflowing: Mapping[str, float], *, place: str) -> Iterator[Finding]:
    """Yield a note when nodes stay in fp32 because float16 could not hold their numbers.

    Args:
        overflowing: the largest magnitude that each such node reads or gives, by its name.
        place: for the finding.
    """
    if overflowing:
        name, largest = max(overflowing.items(), key=lambda each: each[1])
        nodes = "1 node stays" if len(overflowing) == 1 else f"{len(overflowing)} nodes stay"
        told = f"{largest:,.0f}" if largest < READABLE else f"{largest:.1e} or infinity"
        sentence = f"{nodes} in fp32, since float16 ends at 65,504: {name} has up to {told}"
        yield Finding(
            "Q124",
            "note",
            sentence,
            "texts unlike the calibration rows may go further: raise calibration.rows, or use bf16",
            place,
        )


def float_convolutions(model: onnx.ModelProto, *, place: str) -> Iterator[Finding]:
    """Yield a note when convolutions, such as the one that cuts an image into patches, still hold floats."""
    from onnx import TensorProto

    floats = {t.name: math.prod(t.dims) for t in model.graph.initializer if t.data_type == TensorProto.FLOAT}
    left = [node for node in model.graph.node if node.op_type == "Conv" and node.input[1] in floats]
    if not left:
        return
    numbers = sum(floats[node.input[1]] for node in left)
    what = "1 convolution" if len(left) == 1 else f"{len(left)} convolutions"
    sentence = f"{what} with {numbers:,} weights {'stays' if len(left) == 1 else 'stay'} in fp32: {left[0].name}"
    hint = (
        "one product of an answer; onnxruntime's 8-bit convolutions need ranges of their own, which dynamic-int8 does not have"
    )
    yield Finding("Q180", "note", sentence, hint, place)


def few_bits(target: Target, *, place: str) -> Iterator[Finding]:
    """Yield a note when the kernels for few bits are newer than the oldest runtime in the field."""
    oldest = tuple(int(part) for part in target.oldest_onnxruntime.split(".")[:2])
    if oldest < PROVEN:
        sentence = (
            f"weights in few bits were proven with onnxruntime {PROVEN[0]}.{PROVEN[1]}, and {target.name} may have "
            f"{target.oldest_onnxruntime}, which may lack the kernels"
        )
        yield Finding("Q119", "note", sentence, "try the bundle with the oldest runtime, or use dynamic-int8", place)
