"""The rows of the table that an input indexes, found in the graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from compactor.measuring.tables import table_rows

onnx = pytest.importorskip("onnx")


def test_a_plain_lookup(make_model: Callable[..., Path]) -> None:
    assert table_rows(make_model("m", 1)) == {"input_ids": 50}


def test_a_lookup_behind_a_cast_and_in_int8(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, numpy_helper

    weights = [
        numpy_helper.from_array(np.zeros((30, 4), np.int8), "words"),
        numpy_helper.from_array(np.zeros((7, 4), np.float32), "kinds"),
        numpy_helper.from_array(np.zeros((4, 99), np.float32), "columns"),
    ]
    nodes = [
        helper.make_node("Cast", ["ids"], ["wide"], to=TensorProto.INT64),
        helper.make_node("Gather", ["words", "wide"], ["a"]),
        helper.make_node("Gather", ["kinds", "kind"], ["b"]),
        helper.make_node("Gather", ["columns", "column"], ["c"], axis=1),
        helper.make_node("Identity", ["mask"], ["d"]),
    ]
    given = [helper.make_tensor_value_info(name, TensorProto.INT32, ["n", "s"]) for name in ("ids", "kind", "column", "mask")]
    gives = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "abcd"]
    graph = helper.make_graph(nodes, "lookups", given, gives, weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    assert table_rows(tmp_path / "m.onnx") == {"ids": 30, "kind": 7}
