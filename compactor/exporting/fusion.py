"""Fuses attention, embeddings and activations of a graph into onnxruntime's own operators, and counts what was fused."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from compactor.base.atomic import read_json, write_bytes
from compactor.base.errors import StageError, disk_error

CPU, DOMAIN = "CPUExecutionProvider", "com.microsoft"
HEADS, WIDTH = ("num_attention_heads", "n_heads", "n_head"), ("hidden_size", "dim", "n_embd")
# What onnxruntime's optimizer calls the graphs of a family; the layout of a BERT's attention is what most encoders have.
KINDS = {"vit": "vit", "gpt2": "gpt2"}
LARGE_PARTS = ("Attention", "MultiHeadAttention", "GroupQueryAttention", "PackedAttention")


def fuse(source: Path, folder: Path, *, provider: str) -> dict[str, Any]:
    """Fill a folder with the fused graph and what lies beside it.

    On a processor SkipLayerNormalization and BiasGelu stay apart: their kernels take longer than the nodes that they replace
    (onnxruntime 1.31 on x86-64: 92 against 26 microseconds for a SkipLayerNormalization of 32 x 384).

    Args:
        source: an ONNX folder of compactor's.
        folder: is filled.
        provider: execution provider that will run it.

    Returns:
        `fused` (new nodes by operator), `attention` (how many attentions became one node), `nodes_before`, `nodes`, `size_bytes`,
        `seconds`.

    Raises:
        StageError: X143, onnxruntime's optimizer failed.
    """
    begun = time.perf_counter()
    before = onnx.load(str(source / "model.onnx"))
    model = _optimized(source, provider)
    model.ir_version = before.ir_version
    _import_domain(model)
    fused = Counter(node.op_type for node in model.graph.node)
    fused.subtract(node.op_type for node in before.graph.node)
    content = model.SerializeToString(deterministic=True)
    write_bytes(folder / "model.onnx", content)
    for path in sorted(source.iterdir()):
        if path.is_file() and path.name not in {"model.onnx", "artifact.json"}:
            try:
                shutil.copyfile(path, folder / path.name)
            except OSError as error:
                raise disk_error(error, folder / path.name) from error
    gained = {name: count for name, count in sorted(fused.items()) if count > 0}
    return {
        "fused": gained,
        "attention": sum(gained.get(name, 0) for name in LARGE_PARTS),
        "nodes_before": len(before.graph.node),
        "nodes": len(model.graph.node),
        "size_bytes": len(content),
        "seconds": round(time.perf_counter() - begun, 3),
    }


def _optimized(source: Path, provider: str) -> onnx.ModelProto:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

    config = read_json(source / "config.json")
    kind = KINDS.get(config.get("model_type", ""), "bert")
    heads, width = _heads_and_width(config)
    options = FusionOptions(kind)
    if provider == CPU:
        options.enable_skip_layer_norm = options.enable_bias_skip_layer_norm = options.enable_bias_gelu = False
    quiet = logging.getLogger("onnxruntime.transformers"), logging.root
    levels = [logger.level for logger in quiet]
    try:
        for logger in quiet:
            logger.setLevel(logging.ERROR)
        found = optimize_model(
            with_head_counts(onnx.load(str(source / "model.onnx"))),
            kind,
            num_heads=heads,
            hidden_size=width,
            optimization_options=options,
            opt_level=0,  # its patterns alone; what a session fuses it fuses at load
            use_gpu=provider != CPU,
        )
    except Exception as error:  # it raises whatever its patterns run into: IndexError, KeyError, TypeError
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise StageError("X143", f"onnxruntime's optimizer failed: {reason}", "leave the fuse stage out") from error
    finally:
        for logger, level in zip(quiet, levels, strict=True):
            logger.setLevel(level)
    model: onnx.ModelProto = found.model
    return model


def with_head_counts(model: onnx.ModelProto) -> onnx.ModelProto:
    """Write out, in place, how many heads each layer's reshapes make, where they leave it open: (0, 0, -1, head size).

    The optimizer would take the configuration's number for all layers, and a pruned layer has fewer.
    """
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    weights = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        shape = weights.get(node.input[1]) if node.op_type == "Reshape" else None
        wanted = [] if shape is None else numpy_helper.to_array(shape).tolist()
        columns = _columns(makers.get(node.input[0]), makers, weights) if len(wanted) == 4 and wanted[2] == -1 else 0
        if not columns or columns % wanted[3]:
            continue
        wanted[2] = columns // wanted[3]
        node.input[1] = "heads_" + "_".join(str(size) for size in wanted)
        if node.input[1] not in weights:
            weights[node.input[1]] = graph.initializer.add()
            weights[node.input[1]].CopyFrom(numpy_helper.from_array(np.array(wanted, dtype=np.int64), node.input[1]))
    return model


def _columns(node: onnx.NodeProto | None, makers: dict[str, onnx.NodeProto], weights: dict[str, onnx.TensorProto]) -> int:
    """Return how many columns the product of a constant matrix has that a value comes from, through its bias; 0 for anything else."""
    while node is not None and node.op_type in {"Add", "Cast"}:
        node = next((makers[name] for name in node.input if name in makers), None)
    if node is None or node.op_type != "MatMul" or node.input[1] not in weights:
        return 0
    return int(weights[node.input[1]].dims[-1])


def _import_domain(model: onnx.ModelProto) -> None:
    """Name the version of onnxruntime's own operators that the optimizer put in, as ONNX asks; it does not do so itself."""
    if any(node.domain == DOMAIN for node in model.graph.node) and DOMAIN not in {each.domain for each in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(DOMAIN, 1))


def _heads_and_width(config: dict[str, Any]) -> tuple[int, int]:
    """Return how many heads there are and how wide the states are; two zeros, which let the optimizer guess, where it would refuse them:
    a static or convolutional student has no heads, and after pruning their number need not divide the width.
    """
    heads, width = _first(config, HEADS), _first(config, WIDTH)
    return (heads, width) if heads and width % heads == 0 else (0, 0)


def _first(config: dict[str, Any], names: tuple[str, ...]) -> int:
    """Return the first of several settings; 0, which lets the optimizer guess, when there is none."""
    return next((int(config[name]) for name in names if isinstance(config.get(name), int)), 0)
