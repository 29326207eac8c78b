"""The work of a graph for one batch and length: products, bytes and special functions of every node that the runtime runs.

The nodes and shapes are those that onnxruntime itself tells (its profile of one run here, after fusion), so operators of any
domain and shapes that depend on other shapes are known exactly. Counts do not depend on the machine that counts them; the graph
that is left after fusion may, for processors with other kernels.
"""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from compactor.base.errors import CompactorError, StageError
from compactor.measuring.cells import Cell
from compactor.measuring.made_up import made_up_feeds

# Matrix products: multiply-adds are outputs times the last axis of the first input.
MATRIX_PRODUCTS = frozenset(
    {
        *("MatMul", "FusedMatMul", "Gemm", "FusedGemm", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul"),
        *("QLinearMatMul", "QGemm", "MatMulNBits", "MatMulBnb4"),
    }
)
CONVOLUTIONS = frozenset({"Conv", "FusedConv", "ConvInteger", "QLinearConv", "NhwcFusedConv"})
ATTENTIONS = frozenset({"Attention", "QAttention"})  # with the projection of queries, keys and values inside
BARE_ATTENTIONS = frozenset({"MultiHeadAttention"})
ALWAYS_INT8 = frozenset({"MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QAttention"})
FUNCTIONS = frozenset({"Gelu", "BiasGelu", "FastGelu", "QuickGelu", "Erf", "Tanh", "Sigmoid", "Exp", "Log", "Softmax", "Pow"})
NORMS = frozenset({"LayerNormalization", "SkipLayerNormalization", "EmbedLayerNormalization", "SimplifiedLayerNormalization"})
# What reads or writes with jumps, or looks rows up: slower a byte than what runs straight through.
STRIDED = frozenset(
    {"Transpose", "ReduceSum", "ReduceMean", "ReduceMax", "Gather", "Concat", "Slice", "Split", "Where", "Expand"}
)
QUANTIZING = frozenset({"DynamicQuantizeLinear", "QuantizeLinear", "DynamicQuantizeMatMul", "QAttention"})
VIEWS = frozenset({"Reshape", "Unsqueeze", "Squeeze", "Flatten", "Identity", "Shape"})  # another look at the same bytes
# What runs its body an unknown number of times, or multiplies in a way that is not counted here.
UNKNOWN = frozenset(
    {"Loop", "If", "Scan", "LSTM", "GRU", "RNN", "Einsum", "ConvTranspose", "DeformConv", "GroupQueryAttention"}
)


@dataclass(frozen=True)
class Work:
    """Sums over the nodes of a graph, each a number of units; times are linear in them.

    Attributes:
        runs: calls of the session, 1.
        nodes: kernels that are started.
        fp32_products: multiply-adds with a constant matrix, in floats.
        int8_products: the same in 8 bits.
        inner_products: multiply-adds of two activations, as in attention.
        weight_bytes: constant matrices of products, read once a run.
        moved_bytes: activations read and written straight through, views not counted.
        strided_bytes: the same by transposes, reductions and lookups.
        quantized: activations turned into 8 bits.
        functions: results of exp, erf, tanh and their kind (softmax and GELU included).
        normalised: results of layer normalization.
    """

    runs: float = 0
    nodes: float = 0
    fp32_products: float = 0
    int8_products: float = 0
    inner_products: float = 0
    weight_bytes: float = 0
    moved_bytes: float = 0
    strided_bytes: float = 0
    quantized: float = 0
    functions: float = 0
    normalised: float = 0

    def __add__(self, other: Work) -> Work:
        """Return the work of both."""
        return Work(*(mine + theirs for mine, theirs in zip(self.row(), other.row(), strict=True)))

    def row(self) -> tuple[float, ...]:
        """Return the numbers in the order of `UNITS`."""
        return tuple(getattr(self, name) for name in UNITS)


UNITS = tuple(each.name for each in fields(Work))


def graph_work(model: Path, cell: Cell, *, table_rows: dict[str, int] | None = None) -> Work:
    """Count the work of a graph, by letting onnxruntime run it once on this machine's processor.

    Args:
        model: the ONNX file.
        cell: batch and length; the length is a number, or None for a graph without lengths.
        table_rows: rows of the tables that inputs index; without them ids are 0 and 1.

    Raises:
        StageError: M250, an operator whose work is not known; M251, onnxruntime cannot run the graph here; M105, M106, an input
            cannot be made up.
    """
    nodes = profiled_nodes(model, cell, table_rows or {})
    unknown = sorted({node["op_name"] for node in nodes} & UNKNOWN)
    if unknown:
        raise StageError(
            "M250",
            f"{model} has {', '.join(unknown)}, whose work cannot be counted",
            "measure it on the device: compactor bench",
        )
    return sum((node_work(node) for node in nodes), Work(runs=1))


def node_work(node: dict[str, Any]) -> Work:
    """Return the work of one node.

    Args:
        node: `op_name`, `input_type_shape` and `output_type_shape` (lists of `{type: shape}`), `parameter_size`,
            `activation_size` and `output_size` in bytes, as onnxruntime's profile has them.
    """
    operator, given, gives = node["op_name"], _shapes(node["input_type_shape"]), _shapes(node["output_type_shape"])
    constant, results = int(node["parameter_size"]), math.prod(gives[0][1]) if gives else 0
    moved = 0 if operator in VIEWS else int(node["activation_size"]) + int(node["output_size"])
    quantized = math.prod(given[0][1]) if operator in QUANTIZING else 0
    if operator not in MATRIX_PRODUCTS | CONVOLUTIONS | ATTENTIONS | BARE_ATTENTIONS:
        return Work(
            nodes=1,
            moved_bytes=0 if operator in STRIDED else moved,
            strided_bytes=moved if operator in STRIDED else 0,
            quantized=quantized,
            functions=results if operator in FUNCTIONS else 0,
            normalised=results if operator in NORMS else 0,
        )
    with_weights, inner, functions = _products(operator, given, gives, constant)
    int8 = operator in ALWAYS_INT8 or given[0][0] in ("uint8", "int8")
    return Work(
        nodes=1,
        fp32_products=0 if int8 else with_weights,
        int8_products=with_weights if int8 else 0,
        inner_products=inner,
        weight_bytes=constant if with_weights else 0,
        moved_bytes=moved,
        quantized=quantized,
        functions=functions,
    )


def _products(
    operator: str, given: list[tuple[str, list[int]]], gives: list[tuple[str, list[int]]], constant: int
) -> tuple[float, float, float]:
    """Return multiply-adds with weights, multiply-adds of activations, and results of softmax inside."""
    first, results = given[0][1], math.prod(gives[0][1])
    if operator in CONVOLUTIONS:
        kernel = next((shape for _, shape in given[1:] if len(shape) >= 3), [])
        return results * math.prod(kernel[1:]), 0, 0
    if operator in ATTENTIONS | BARE_ATTENTIONS:
        batch, length, width = (*first, 1, 1, 1)[:3]
        projected = next((shape[1] for _, shape in given[1:] if len(shape) == 2), 3 * width) if operator in ATTENTIONS else 0
        # Of the heads only the number of softmaxes depends; a head of 64 is what most encoders have.
        return batch * length * width * projected, 2 * batch * length**2 * width, batch * length**2 * max(1, width // 64)
    products = results * (first[-1] if first else 1)
    columns = gives[0][1][-1] if gives[0][1] else 1
    smallest = (first[-1] if first else 1) * columns // 2  # bytes of a constant matrix: 4 bits an entry at least
    return (products, 0, 0) if constant >= max(smallest, 1) else (0, products, 0)


def _shapes(told: list[dict[str, list[int]]]) -> list[tuple[str, list[int]]]:
    return [next(iter(each.items())) for each in told if each]


def profiled_nodes(model: Path, cell: Cell, table_rows: dict[str, int]) -> list[dict[str, Any]]:
    """Run a graph once on the processor and return the nodes that ran, as onnxruntime's profile has them."""
    import onnxruntime

    with tempfile.TemporaryDirectory(prefix="compactor-estimate-") as scratch:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4  # an error is told by what is raised
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(scratch) / "profile")
        # Packed weights are no longer inputs of their node, and their shapes would be missing.
        options.add_session_config_entry("session.disable_prepacking", "1")
        try:
            session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
            inputs = [{"name": each.name, "type": each.type, "shape": each.shape} for each in session.get_inputs()]
            feed = made_up_feeds(inputs, cell, token_ids=np.array([0, 1]), seed=0, table_rows=table_rows)[0]
            session.run(None, feed)
            told = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        except CompactorError:
            raise
        except Exception as error:  # onnxruntime's own classes share no base
            reason = str(error).strip().partition("\n")[0]
            raise StageError("M251", f"onnxruntime cannot run {model} here: {reason}", "compactor bench says more") from error
    ran = (event for event in told if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"))
    return [event["args"] for event in ran]
