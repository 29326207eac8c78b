"""How many rows the table has that an input of a graph indexes, so that made-up ids stay inside. Needs the package onnx."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# What may stand between an input and the lookup without changing which rows are asked for.
PASSED = frozenset({"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten"})


def table_rows(model: Path) -> dict[str, int]:
    """Return the rows of the table that each input indexes, by input; inputs that index none are left out.

    A graph whose embedding was quantized looks up in an int8 table: that is a Gather too.

    Raises:
        ModuleNotFoundError: the package onnx is not installed.
    """
    import onnx

    graph = onnx.load(model, load_external_data=False).graph
    sizes = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    found = {}
    for given in graph.input:
        rows = _rows(graph, {given.name}, sizes)
        if given.name not in sizes and rows:
            found[given.name] = min(rows)
    return found


def _rows(graph: Any, names: set[str], sizes: dict[str, list[int]]) -> list[int]:
    """Follow values through nodes that pass them on, in the graph's order, and collect the tables that they index."""
    rows, names = [], set(names)
    for node in graph.node:
        if node.op_type in PASSED and node.input and node.input[0] in names:
            names.update(node.output)
        if node.op_type in {"Gather", "GatherBlockQuantized"} and len(node.input) > 1 and node.input[1] in names:
            axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
            shape = sizes.get(node.input[0])
            if shape and axis == 0:
                rows.append(int(shape[0]))
        if node.op_type == "EmbedLayerNormalization" and node.input[0] in names and node.input[2] in sizes:
            rows.append(int(sizes[node.input[2]][0]))
    return rows
