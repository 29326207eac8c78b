"""Tensors inside a graph on real rows: one batch at a time, on one thread, so that the bits are the same everywhere on one processor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper

from compactor.base.errors import StageError

if TYPE_CHECKING:
    import onnxruntime


def observe(
    model: onnx.ModelProto, names: Sequence[str], batches: Iterable[dict[str, np.ndarray]], place: Path
) -> Iterator[list[np.ndarray]]:
    """Yield the values of some tensors for each batch, in the order of `names`; nothing is kept between batches.

    Args:
        model: not changed; what the tensors do not depend on is not computed.
        names: float tensors that nodes of the graph give.
        batches: inputs by name, int64 (batch, sequence). More names than the graph has do no harm.
        place: folder for the graph with these outputs.

    Raises:
        StageError: Q107 no batch came, Q108 a value was not finite.
    """
    session = open_session(with_outputs(model, names), place / "observed.onnx")
    inputs = [value.name for value in session.get_inputs()]
    count = 0
    for batch in batches:
        found = session.run(list(names), {name: batch[name] for name in inputs})
        for name, values in zip(names, found, strict=True):
            refuse_broken(name, values)
        count += 1
        yield found
    refuse_none(count)


def with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """Return a copy of the graph that gives these tensors, of any shape, and nothing else."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    copy.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    return copy


def open_session(model: onnx.ModelProto, path: Path) -> onnxruntime.InferenceSession:
    """Write a graph and load it on one thread of the processor."""
    import onnxruntime

    onnx.save(model, str(path))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def refuse_broken(name: str, values: np.ndarray) -> None:
    """Raise Q108 for values that are not finite."""
    if not np.isfinite(values).all():
        raise StageError(
            "Q108", f"calibration found NaN or infinite values in {name}", "the fp32 model is damaged; train it again"
        )


def refuse_none(batches: int) -> None:
    """Raise Q107 when no batch came."""
    if not batches:
        raise StageError("Q107", "there are no rows to calibrate with", "set calibration.rows to 32 or more")


def levels(model: onnx.ModelProto, tensors: Sequence[str]) -> list[list[str]]:
    """Put tensors into groups, none of which depends on one of its own or of a later group."""
    depth: dict[str, int] = {}
    groups: dict[int, list[str]] = {}
    for node in model.graph.node:  # in topological order, as every graph is
        before = max((depth.get(name, 0) for name in node.input), default=0)
        for name in node.output:
            if name in tensors:
                groups.setdefault(before, []).append(name)
            depth[name] = before + (name in tensors)
    return [groups[level] for level in sorted(groups)]
