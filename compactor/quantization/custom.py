"""Nodes of onnxruntime's own operators, put in the place of ONNX's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

DOMAIN = "com.microsoft"


def add_parts(model: onnx.ModelProto, name: str, parts: dict[str, np.ndarray]) -> None:
    """Add what stands for an initializer, under its name and the parts' own."""
    model.graph.initializer.extend(numpy_helper.from_array(array, f"{name}_{part}") for part, array in parts.items())


def become(node: onnx.NodeProto, operator: str, inputs: Sequence[str], attributes: dict[str, int]) -> None:
    """Make a node another one with the same name and output, in place."""
    node.CopyFrom(helper.make_node(operator, list(inputs), list(node.output), node.name, domain=DOMAIN, **attributes))


def import_domain(model: onnx.ModelProto) -> None:
    """Let the graph use onnxruntime's own operators."""
    if DOMAIN not in {opset.domain for opset in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
