"""Export a torch folder: graph, tokenizer, labels and the description of inputs and outputs."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

from compactor import models
from compactor.base.atomic import write_bytes, write_json
from compactor.base.errors import StageError, disk_error
from compactor.exporting import graph
from compactor.exporting.simplify import simplify
from compactor.exporting.trace import Axes, Backend, trace
from compactor.exporting.wrapper import sample_inputs, wrap
from compactor.models import tokenizer
from compactor.tasks import Task

INTERFACE_SCHEMA = 1
INPUT_AXES = ("batch", "sequence")
# A protobuf message holds 2 GiB; the graph around the weights takes some of it.
LARGEST_WEIGHTS_BYTES = 2 * 1024**3 - 16 * 1024**2


def export_onnx(
    source: Path, folder: Path, *, task: Task, pair: bool, opset: int, backend: Backend = "torchscript"
) -> dict[str, Any]:
    """Turn a torch folder into an ONNX folder: `model.onnx` in fp32, tokenizer, config.json, labels.json, interface.json.

    The same weights give the same bytes, on any machine with the same versions of torch and transformers.

    Args:
        source: config.json, model.safetensors and tokenizer files.
        folder: is filled; need not exist.
        task: names the model class and the graph's outputs.
        pair: rows have a second sentence.
        opset: version of the ONNX operators; the IR version is the oldest that holds it (17 → 8).
        backend: which of torch's exporters.

    Returns:
        `opset`, `ir_version`, `backend`, `nodes`, `operators`, `parameters`, `duplicate_initializers`, `duplicate_bytes`,
        `constant_shapes`, `masks` (see `simplify`), `size_bytes`, `seconds`.

    Raises:
        StageError: the weights do not fit one file, the opset does not fit the backend, or the exporter failed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    begun = time.perf_counter()
    module = models.load(source, task)
    _check_size(module)
    outputs = {name: tuple(axes) for name, axes in task.outputs().items()}
    pad_id = tokenizer.pad_id(source)
    wrapped, names = wrap(module, tuple(outputs), pair=pair)
    sample = sample_inputs(names, vocabulary=module.config.vocab_size, pad_id=pad_id)
    model = trace(wrapped, sample, dict.fromkeys(names, INPUT_AXES), outputs, opset=opset, backend=backend)
    duplicates = graph.tidy(model)
    simplified = simplify(model, vocabulary=module.config.vocab_size, pad_id=pad_id, longest=tokenizer.max_length(source))
    content = model.SerializeToString(deterministic=True)
    write_bytes(folder / "model.onnx", content)
    _write_surroundings(source, folder, module, names, outputs, task=task, pair=pair, opset=opset, pad_id=pad_id)
    return {
        "opset": opset,
        "ir_version": model.ir_version,
        "backend": backend,
        "nodes": len(model.graph.node),
        "operators": graph.operator_counts(model),
        "parameters": graph.parameter_count(model),
        **duplicates,
        **simplified,
        "size_bytes": len(content),
        "seconds": round(time.perf_counter() - begun, 3),
    }


def _check_size(module: Any) -> None:
    size_bytes = sum(parameter.numel() * 4 for parameter in module.parameters())
    if size_bytes > LARGEST_WEIGHTS_BYTES:
        raise StageError(
            "X102",
            f"the weights take {size_bytes / 1e9:.1f} GB in fp32, and one ONNX file holds less than 2 GB",
            "distill or prune to a smaller model before export",
        )


def _write_surroundings(
    source: Path,
    folder: Path,
    module: Any,
    names: tuple[str, ...],
    outputs: Axes,
    *,
    task: Task,
    pair: bool,
    opset: int,
    pad_id: int,
) -> None:
    """Write all files beside the graph."""
    tokenizer.copy_tokenizer(source, folder)
    try:
        shutil.copyfile(source / "config.json", folder / "config.json")
    except OSError as error:
        raise disk_error(error, folder / "config.json") from error
    id2label = module.config.id2label
    write_json(folder / "labels.json", [id2label[index] for index in sorted(id2label)])
    interface = {
        "schema": INTERFACE_SCHEMA,
        "task": task.name,
        "answer": task.label_kind,
        "pipeline_tag": task.pipeline_tag,
        "inputs": {name: {"dtype": "int64", "axes": list(INPUT_AXES)} for name in names},
        "outputs": {name: {"dtype": "float32", "axes": list(axes)} for name, axes in outputs.items()},
        "max_length": tokenizer.max_length(source),
        "pad_id": pad_id,
        "pair": pair,
        "opset": opset,
        "precision": "fp32",
    }
    write_json(folder / "interface.json", interface)
