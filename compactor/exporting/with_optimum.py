"""The third way to a graph: Optimum's exporter, which knows architectures that compactor's own two do not.

optimum-onnx 0.1.0 needs transformers below 4.58 and cannot share an environment with transformers 5. So it is called in this process when
compactor is installed beside it, and else in a process of the Python that COMPACTOR_OPTIMUM_PYTHON names.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

import onnx
from onnx import numpy_helper

from compactor.base.errors import StageError
from compactor.exporting.optimum_python import optimum_python
from compactor.exporting.trace import Axes

SCRIPT = Path(__file__).with_name("optimum_script.py")
TYPES = "token_type_ids"
OWN_CODE = "auto_map"  # in config.json: the model needs code of compactor's own, which Optimum does not run


def trace_with_optimum(source: Path, inputs: Axes, outputs: Axes, *, task: str, opset: int) -> onnx.ModelProto:
    """Export a transformers folder.

    Args:
        source: config.json and model.safetensors, of an architecture that transformers has.
        inputs: axis names by input that the graph shall have; token types that are always 0 are folded if they are not among them.
        outputs: axis names by output that it must have.
        task: what Optimum calls the task.
        opset: version of the ONNX operators.

    Raises:
        MissingError: X145, no Python with Optimum.
        StageError: X146, Optimum cannot export this model, or its graph has another interface.
    """
    if OWN_CODE in json.loads((source / "config.json").read_text(encoding="utf-8")):
        raise StageError(
            "X146", "Optimum exports models of transformers alone, and this one has code of its own", "use backend: torchscript"
        )
    with tempfile.TemporaryDirectory(prefix="compactor-optimum-") as scratch:
        asked = {"source": str(source.absolute()), "folder": scratch, "task": task, "opset": opset}
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "ORT_DISABLE_TELEMETRY": "1"}
        # As text: run as a file, the script would find the modules beside it before the packages of their names.
        command = [optimum_python(), "-c", SCRIPT.read_text(encoding="utf-8"), json.dumps(asked)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=scratch, check=False)
        path = Path(scratch) / "model.onnx"
        if done.returncode or not path.is_file():
            last = (done.stderr.strip() or done.stdout.strip()).rpartition("\n")[2]
            raise StageError("X146", f"Optimum cannot export this model: {last}", "use backend: torchscript")
        model = onnx.load(str(path))
    _fit(model, inputs, outputs)
    return model


def _fit(model: onnx.ModelProto, inputs: Axes, outputs: Axes) -> None:
    """Give the graph compactor's interface: no token types that are always 0, outputs asked for, axes by compactor's names."""
    graph = model.graph
    if TYPES not in inputs:
        _fold_types(graph)
    given, made = [value.name for value in graph.input], [value.name for value in graph.output]
    if set(given) != set(inputs) or not set(outputs) <= set(made):
        sentence = f"Optimum's graph takes {', '.join(given)} and gives {', '.join(made)}, wanted are {', '.join(inputs)} and "
        raise StageError("X146", sentence + ", ".join(outputs), "use backend: torchscript")
    for value in [*graph.input, *graph.output]:
        for dimension, axis in zip(value.type.tensor_type.shape.dim, {**inputs, **outputs}.get(value.name, ()), strict=False):
            if dimension.dim_param:
                dimension.dim_param = axis
    for position in reversed([place for place, name in enumerate(made) if name not in outputs]):
        del graph.output[position]


def _fold_types(graph: onnx.GraphProto) -> None:
    """Replace the lookup of token types by the table's first row, and remove the input, if nothing else reads it."""
    readers = [node for node in graph.node if TYPES in node.input]
    tables = {tensor.name: tensor for tensor in graph.initializer}
    if not all(node.op_type == "Gather" and node.input[0] in tables and node.input[1] == TYPES for node in readers):
        return
    for node in readers:
        row = numpy_helper.to_array(tables[node.input[0]])[0]
        graph.initializer.append(numpy_helper.from_array(row.copy(), node.output[0]))
        graph.node.remove(node)
    for value in [value for value in graph.input if value.name == TYPES]:
        graph.input.remove(value)
