"""Small models of one kind of work each, from whose times the constants of a device are found. No model that is estimated is among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Nodes = list[Any]
# Rows x inner x columns, and how many products follow each other: as many as in a model, so that weights leave the nearest caches
# and a run is as long, and as often interrupted, as a model's.
PRODUCTS = (
    (1, 256, 256, 16),
    (16, 128, 512, 16),
    (16, 384, 1536, 8),
    (64, 256, 1024, 12),
    (128, 384, 384, 24),
    (128, 192, 768, 16),
)
STREAMED = (1, 1024, 2048, 4)  # 8 MB each in floats: more than a second-level cache
ATTENTIONS = ((4, 16), (4, 128), (8, 64))  # heads x length
ROWS = ((16, 384), (128, 384), (128, 1536))
TINY, FEW, MANY = 8, 12, 200
HEAD = 32


@dataclass
class _Graph:
    """A graph in the making: one input `x`, and the name of the value last made."""

    shape: tuple[int, ...]
    last: str = "x"
    nodes: Nodes = field(default_factory=list)
    constants: Nodes = field(default_factory=list)
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def add(self, operator: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> list[str]:
        from onnx import helper

        names = [f"v{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, domain=domain, **attributes))
        self.last = names[0]
        return names

    def constant(self, array: np.ndarray) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def write(self, path: Path) -> Path:
        import onnx
        from onnx import TensorProto, helper

        given = helper.make_tensor_value_info("x", TensorProto.FLOAT, list(self.shape))
        gives = helper.make_tensor_value_info(self.last, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, path.stem, [given], [gives], self.constants)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))
        return path


def write_micro_models(folder: Path) -> dict[str, Path]:
    """Write all small models into a folder; return them by name.

    `fp32-*` and `int8-*` are ladders of products with constant matrices (int8 as dynamic quantization writes them), `attention-*`
    products of activations with softmax, `add-*`, `turn-*` (transposes), `gelu-*`, `norm-*` chains over one array, `tiny` a chain of
    nodes with next to no work, and `one` a single such node: what a call costs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, graph in _graphs().items():
        found[name] = graph.write(folder / f"{name}.onnx")
    return found


def _graphs() -> dict[str, _Graph]:
    found = {}
    for kind, multiply in (("fp32", _float_product), ("int8", _int8_product)):
        for rows, inner, columns, count in (*PRODUCTS, STREAMED):
            found[f"{kind}-{rows}x{inner}x{columns}"] = _product_chain(rows, inner, columns, count, multiply)
    for heads, length in ATTENTIONS:
        found[f"attention-{heads}x{length}"] = _attention(heads, length)
    for rows, width in ROWS:
        found[f"add-{rows}x{width}"] = _chain((rows, width), FEW, lambda graph: graph.add("Add", graph.last, "x"))
        found[f"gelu-{rows}x{width}"] = _chain(
            (rows, width), FEW, lambda graph: graph.add("Gelu", graph.last, domain="com.microsoft")
        )
        found[f"turn-{rows}x{width}"] = _chain((rows, width), FEW, _turn)
        found[f"norm-{rows}x{width}"] = _chain((rows, width), FEW, _norm)
    found["one"] = _chain((1, TINY), 1, lambda graph: graph.add("Add", graph.last, "x"))
    found["tiny"] = _chain((1, TINY), MANY, lambda graph: graph.add("Add", graph.last, "x"))
    return found


def _chain(shape: tuple[int, ...], count: int, step: Callable[[_Graph], object]) -> _Graph:
    graph = _Graph(shape)
    for _ in range(count):
        step(graph)
    return graph


def _product_chain(rows: int, inner: int, columns: int, count: int, multiply: Callable[[_Graph, int, int], None]) -> _Graph:
    """There and back: the width goes from `inner` to `columns` and back again, with other weights each time."""
    graph, wide = _Graph((rows, inner)), False
    for _ in range(count):
        multiply(graph, columns if wide else inner, inner if wide else columns)
        wide = not wide
    return graph


def _float_product(graph: _Graph, inner: int, columns: int) -> None:
    weight = graph.random.standard_normal((inner, columns)).astype(np.float32) / np.float32(inner**0.5)
    graph.add("MatMul", graph.last, graph.constant(weight))


def _int8_product(graph: _Graph, inner: int, columns: int) -> None:
    """Write the nodes that `quantize_dynamic` writes; onnxruntime fuses them."""
    weight = graph.constant(graph.random.integers(-64, 64, size=(inner, columns)).astype(np.int8))
    scale = graph.constant(np.full(columns, 1 / (64 * inner**0.5), dtype=np.float32))
    zero = graph.constant(np.zeros(columns, dtype=np.int8))
    values, factor, offset = graph.add("DynamicQuantizeLinear", graph.last, outputs=3)
    (summed,) = graph.add("MatMulInteger", values, weight, offset, zero)
    (floats,) = graph.add("Cast", summed, to=1)
    (both,) = graph.add("Mul", factor, scale)
    graph.add("Mul", floats, both)


def _attention(heads: int, length: int) -> _Graph:
    """Softmax(x x^T) x, four times, as the inside of an attention layer."""
    graph = _Graph((1, heads, length, HEAD))
    for _ in range(4):
        value = graph.last
        (turned,) = graph.add("Transpose", value, perm=[0, 1, 3, 2])
        (scores,) = graph.add("MatMul", value, turned)
        (shares,) = graph.add("Softmax", scores, axis=-1)
        graph.add("MatMul", shares, value)
    return graph


def _norm(graph: _Graph) -> None:
    ones, zeros = (graph.constant(np.full(graph.shape[-1], each, dtype=np.float32)) for each in (1.0, 0.0))
    graph.add("LayerNormalization", graph.last, ones, zeros, axis=-1, epsilon=1e-5)


def _turn(graph: _Graph) -> None:
    """Split into heads and turn, as attention does; the reshapes around keep onnxruntime from folding two turns into none."""
    rows, width = graph.shape
    graph.add("Reshape", graph.last, graph.constant(np.array([rows, width // HEAD, HEAD])))
    graph.add("Transpose", graph.last, perm=[1, 0, 2])
    graph.add("Reshape", graph.last, graph.constant(np.array([rows, width])))
