"""A step that was to gain time and lost some: told with what in the graph explains it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from compactor.base.finding import Finding

if TYPE_CHECKING:
    import onnx

    from compactor.targets import Target

PRODUCTS = frozenset({"MatMul", "Gemm"})
INT8_PRODUCTS = frozenset({"MatMulInteger", "QLinearMatMul", "QGemm", "MatMulIntegerToFloat", "DynamicQuantizeMatMul"})
BLOCK_PRODUCTS = frozenset({"MatMulNBits", "MatMulBnb4"})
SMALL_WEIGHT = 128 * 128  # values of a matrix; int8 gains less the narrower a model is (2.4x at 768, 1.75x at 256)
EXPECTED = frozenset({"quantize", "fuse", "prune", "distill"})  # stages that promise no loss of time


def slower(stage: str, times: float, interval: tuple[float, float], reasons: list[str], *, place: str) -> Iterator[Finding]:
    """Yield a warning when a step certainly made answers slower.

    Args:
        stage: its name.
        times: how many times longer an answer takes than before the step.
        interval: 95 %, of the same measurement; when it holds 1 nothing is said.
        reasons: why, see `why_slow`.
        place: for the finding.
    """
    if stage in EXPECTED and interval[0] > 1:
        because = (
            "; ".join(reasons) or "nothing in the graph explains it: it may be small enough for its nodes' overhead to decide"
        )
        sentence = f"after {stage} an answer takes {times:.2f} times as long [{interval[0]:.2f}, {interval[1]:.2f}]: {because}"
        yield Finding("Q140", "warning", sentence, f"leave {stage} out if it is there for time, or try another method", place)


def why_slow(before: onnx.ModelProto, after: onnx.ModelProto, target: Target) -> list[str]:
    """Name what makes a changed graph slow on a target, the surest first; empty when nothing known is there."""
    counts = Counter(node.op_type for node in after.graph.node)
    found = []
    floats = dequantized_products(after)
    if floats:
        found.append(
            f"{floats} products dequantize their weights and multiply in float, which happens when only one side is int8"
        )
    if blocks := sum(counts[name] for name in BLOCK_PRODUCTS):
        found.append(f"{blocks} products unpack weights of few bits for each answer, which pays only where memory is the limit")
    int8 = sum(counts[name] for name in INT8_PRODUCTS)
    if int8 and not target.int8_dot_product:
        found.append(f"{target.name} has no 8-bit dot products")
    widest = max(
        (math.prod(t.dims) for t in after.graph.initializer if len(t.dims) == 2 and t.data_type in INT8_TYPES), default=0
    )
    if int8 and widest <= SMALL_WEIGHT:
        nodes = len(after.graph.node) - len(before.graph.node)
        found.append(f"its matrices have {widest:,} values at most, and {nodes:+} nodes around them cost more than int8 saves")
    if counts["SkipLayerNormalization"] and target.provider == "CPUExecutionProvider":
        found.append(
            f"{counts['SkipLayerNormalization']} SkipLayerNormalization, whose kernel takes longer on a processor than the nodes "
            "that it replaces"
        )
    return found


INT8_TYPES = frozenset({2, 3})  # onnx.TensorProto UINT8, INT8


def dequantized_products(model: onnx.ModelProto) -> int:
    """Count the products one of whose sides alone comes from DequantizeLinear: onnxruntime has no int8 kernel for those."""
    made = {output: node.op_type for node in model.graph.node for output in node.output}
    sides = [
        [made.get(name) == "DequantizeLinear" for name in node.input[:2]]
        for node in model.graph.node
        if node.op_type in PRODUCTS
    ]
    return sum(any(pair) and not all(pair) for pair in sides)
