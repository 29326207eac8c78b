"""Export a torch folder: graph, tokenizer or image processor, labels and the description of inputs and outputs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Literal

from compactor import models
from compactor.base.atomic import read_json, write_bytes, write_json
from compactor.base.errors import StageError
from compactor.exporting import graph
from compactor.exporting.exits import AXES, exit_name, read_exits
from compactor.exporting.given import Images, Texts, given_to
from compactor.exporting.trace import Axes, Backend, trace
from compactor.exporting.with_optimum import trace_with_optimum
from compactor.exporting.wrapper import wrap
from compactor.models.reading import copy_reader
from compactor.tasks import Task

INTERFACE_SCHEMA = 1
# A protobuf message holds 2 GiB; the graph around the weights takes some of it.
LARGEST_WEIGHTS_BYTES = 2 * 1024**3 - 16 * 1024**2


def export_onnx(
    source: Path,
    folder: Path,
    *,
    task: Task,
    pair: bool,
    opset: int,
    backend: Backend | Literal["optimum"] = "torchscript",
    exits: bool = False,
    every_row: bool = False,
) -> dict[str, Any]:
    """Turn a torch folder into an ONNX folder: fp32 `model.onnx`, tokenizer or image processor, config.json, labels.json, interface.json.

    The same weights give the same bytes, on any machine with the same versions of torch and transformers.

    Args:
        source: config.json, model.safetensors and tokenizer files, or preprocessor_config.json.
        folder: is filled; need not exist.
        task: names the model class and the graph's outputs.
        pair: rows have a second sentence.
        opset: version of the ONNX operators; the IR version is the oldest that holds it (17 → 8).
        backend: which of torch's exporters, or Optimum's.
        exits: write the early exits of the folder too, as outputs `exit_1` and so on.
        every_row: compute every row of the last layer, read or not, so that this layer costs what one inside a model does.

    Returns:
        `opset`, `ir_version`, `backend`, `nodes`, `operators`, `parameters`, `duplicate_initializers`, `duplicate_bytes`,
        `constant_shapes`, `masks`, `first_row_products` (see `simplify`), `size_bytes`, `seconds`.

    Raises:
        StageError: the weights do not fit one file, the opset does not fit the backend, or the exporter failed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    begun = time.perf_counter()
    module = models.load(source, task)
    _check_size(module)
    outputs = {name: tuple(axes) for name, axes in task.outputs().items()}
    heads = read_exits(source) if exits else None
    outputs |= {exit_name(layer): AXES for layer in heads or ()}
    wrapped, names = wrap(module, tuple(outputs), pair=pair, exits=heads)
    given = given_to(source, module.config, names, pair=pair)
    if backend == "optimum":
        model = trace_with_optimum(source, given.axes, outputs, task=task.pipeline_tag, opset=opset)
    else:
        model = trace(wrapped, given.sample(), given.axes, outputs, opset=opset, backend=backend)
    rewritten = graph.tidy(model) | given.simplify(model, every_row=every_row)
    content = model.SerializeToString(deterministic=True)
    write_bytes(folder / "model.onnx", content)
    _write_surroundings(source, folder, module, given, outputs, task=task, opset=opset)
    told = {"opset": opset, "ir_version": model.ir_version, "backend": backend, **_counts(model), **rewritten}
    return {**told, "size_bytes": len(content), "seconds": round(time.perf_counter() - begun, 3)}


def _counts(model: Any) -> dict[str, Any]:
    operators, parameters = graph.operator_counts(model), graph.parameter_count(model)
    return {"nodes": len(model.graph.node), "operators": operators, "parameters": parameters}


def _check_size(module: Any) -> None:
    size_bytes = sum(parameter.numel() * 4 for parameter in module.parameters())
    if size_bytes > LARGEST_WEIGHTS_BYTES:
        raise StageError(
            "X102",
            f"the weights take {size_bytes / 1e9:.1f} GB in fp32, and one ONNX file holds less than 2 GB",
            "distill or prune to a smaller model before export",
        )


def _write_surroundings(
    source: Path, folder: Path, module: Any, given: Texts | Images, outputs: Axes, *, task: Task, opset: int
) -> None:
    """Write all files beside the graph."""
    copy_reader(source, folder)
    config = read_json(source / "config.json")
    config.pop("auto_map", None)  # it names a modeling file of torch, which a graph does without
    write_json(folder / "config.json", config)
    id2label = module.config.id2label
    write_json(folder / "labels.json", [id2label[index] for index in sorted(id2label)])
    interface = {
        "schema": INTERFACE_SCHEMA,
        "task": task.name,
        "answer": task.label_kind,
        "pipeline_tag": task.pipeline_tag,
        "outputs": {name: {"dtype": "float32", "axes": list(axes)} for name, axes in outputs.items()},
        **given.told(),
        "opset": opset,
        "precision": "fp32",
    }
    write_json(folder / "interface.json", interface)
