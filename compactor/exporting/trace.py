"""From a torch module to an ONNX graph in memory, by either of torch's exporters, without their noise."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import onnx
import torch
from torch import nn

from compactor.base.errors import StageError

Backend = Literal["torchscript", "dynamo"]
Axes = dict[str, tuple[str, ...]]
DYNAMIC = ("batch", "sequence")
DYNAMO_OLDEST_OPSET = 18
TORCHSCRIPT_NEWEST_OPSET = 20
# What the exporters say about sound exports of these models; anything else is let through.
KNOWN_WARNINGS: tuple[tuple[str, type[Warning]], ...] = (
    (r".*legacy TorchScript-based ONNX export.*", DeprecationWarning),
    (r".*torch\.jit\..*", DeprecationWarning),
    (r"The feature will be removed\..*", DeprecationWarning),
    (r".*Constant folding - Only steps=1 can be.*", UserWarning),  # `fold_constants` does what is left
    (r".*`isinstance\(treespec, LeafSpec\)`.*", FutureWarning),
    (r".*Exporting aten::index operator.*", UserWarning),
    (r".*axis name: .* will not be used.*", UserWarning),
    (r".*Converting a tensor to a Python (boolean|number|integer|float).*", Warning),
    (r".*torch\.tensor results are registered as constants in the trace.*", Warning),
)
NOISY_LOGGERS = ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")


def trace(
    module: nn.Module, inputs: dict[str, torch.Tensor], axes: Axes, outputs: Axes, *, opset: int, backend: Backend
) -> onnx.ModelProto:
    """Export a module in evaluation mode.

    Args:
        module: its forward names the inputs one by one.
        inputs: example int64 tensors by name, in the order of forward.
        axes: axis names by input name; `batch` and `sequence` stay free.
        outputs: axis names by output name, in the order of forward's tuple.
        opset: version of the ONNX operators.
        backend: `torchscript` (up to opset 20, the graph that onnxruntime fuses best) or `dynamo` (from opset 18).

    Raises:
        StageError: the opset does not fit the backend, or the exporter failed.
    """
    if backend == "dynamo" and opset < DYNAMO_OLDEST_OPSET:
        raise StageError(
            "X103", f"the dynamo exporter writes opset {DYNAMO_OLDEST_OPSET} or newer, not {opset}", "use backend: torchscript"
        )
    if backend == "torchscript" and opset > TORCHSCRIPT_NEWEST_OPSET:
        raise StageError(
            "X103",
            f"the torchscript exporter writes opset {TORCHSCRIPT_NEWEST_OPSET} at most, not {opset}",
            "use backend: dynamo",
        )
    run = _torchscript if backend == "torchscript" else _dynamo
    try:
        with torch.no_grad(), _quiet():
            return run(module, inputs, axes, outputs, opset)
    except (RuntimeError, TypeError, ValueError, NotImplementedError, torch.onnx.OnnxExporterError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        other = "dynamo" if backend == "torchscript" else "torchscript"
        raise StageError("X104", f"the {backend} exporter failed: {reason}", f"try export: {{backend: {other}}}") from error


def _torchscript(module: nn.Module, inputs: dict[str, torch.Tensor], axes: Axes, outputs: Axes, opset: int) -> onnx.ModelProto:
    stream = io.BytesIO()
    free = {
        name: {position: axis for position, axis in enumerate(names) if axis in DYNAMIC}
        for name, names in {**axes, **outputs}.items()
    }
    torch.onnx.export(
        module,
        tuple(inputs.values()),
        stream,  # type: ignore[arg-type]  # the TorchScript path takes a stream, the stub knows only the other
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_axes=free,
        opset_version=opset,
        dynamo=False,
        verbose=False,
    )
    return onnx.load_from_string(stream.getvalue())


def _dynamo(module: nn.Module, inputs: dict[str, torch.Tensor], axes: Axes, outputs: Axes, opset: int) -> onnx.ModelProto:
    # One Dim per axis name, shared by all inputs, keeps the names in the graph.
    dimensions = {axis: torch.export.Dim(axis) for axis in DYNAMIC}
    shapes = tuple(
        {position: dimensions[axis] for position, axis in enumerate(axes[name]) if axis in DYNAMIC} for name in inputs
    )
    program = torch.onnx.export(
        module,
        tuple(inputs.values()),
        None,
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_shapes=shapes,
        opset_version=opset,
        dynamo=True,
        verbose=False,
    )
    if program is None:
        raise RuntimeError("it gave no program")
    proto: onnx.ModelProto = program.model_proto
    return proto


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the exporters always say; put everything back as it was."""
    levels = {name: logging.getLogger(name).level for name in NOISY_LOGGERS}
    with warnings.catch_warnings():
        for pattern, category in KNOWN_WARNINGS:
            warnings.filterwarnings("ignore", message=pattern, category=category)
        try:
            for name in NOISY_LOGGERS:
                logging.getLogger(name).setLevel(logging.ERROR)
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
