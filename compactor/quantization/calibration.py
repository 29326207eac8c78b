"""Ranges of activations on real rows: one pass, one batch in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper

from compactor.base.errors import StageError

Range = tuple[float, float]
Method = Literal["minmax", "average"]


def activation_ranges(
    model: onnx.ModelProto, names: Sequence[str], batches: Iterable[dict[str, np.ndarray]], *, method: Method, place: Path
) -> dict[str, Range]:
    """Return the range of some tensors over all batches.

    onnxruntime's own calibrators keep every batch's outputs and use all cores; this one takes only the tensors that are asked for
    and reduces them inside the graph, so that two floats a tensor and batch come out. It runs on one thread, which gives the same
    bits everywhere on one kind of processor. Percentiles and entropy are left out: on MiniLM they lost more than they gained.

    Args:
        model: fp32 graph; not changed.
        names: tensors of the graph.
        batches: inputs by name, int64 (batch, sequence), rows alone or padded; read once. More names than the graph has do no harm.
        method: `minmax`, the least and the greatest value of all batches, or `average`, the mean of each batch's least and greatest.
        place: folder for the graph with the reductions.

    Raises:
        StageError: no batch came, or a value was not finite.
    """
    import onnxruntime

    path = place / "ranges.onnx"
    onnx.save(_with_reductions(model, names), str(path))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = [value.name for value in session.get_inputs()]
    outputs = [_reduced(name, how) for name in names for how in ("Min", "Max")]
    extremes = np.full((len(names), 2), (np.inf, -np.inf))
    sums, count = np.zeros((len(names), 2)), 0
    for batch in batches:
        found = np.array(session.run(outputs, {name: batch[name] for name in inputs}), dtype=np.float32).reshape(len(names), 2)
        if not np.isfinite(found).all():
            broken = names[int(np.flatnonzero(~np.isfinite(found).all(axis=1))[0])]
            raise StageError(
                "Q108", f"calibration found NaN or infinite values in {broken}", "the fp32 model is damaged; train it again"
            )
        extremes = np.stack([np.minimum(extremes[:, 0], found[:, 0]), np.maximum(extremes[:, 1], found[:, 1])], axis=1)
        sums, count = sums + found, count + 1
    if not count:
        raise StageError("Q107", "there are no rows to calibrate with", "set calibration.rows to 32 or more")
    chosen = extremes if method == "minmax" else sums / count
    return {name: (float(low), float(high)) for name, (low, high) in zip(names, chosen, strict=True)}


def _with_reductions(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """Return a copy of the graph that also gives the least and the greatest value of each tensor, and nothing else."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    for name in names:
        for how in ("Min", "Max"):
            # Without axes, all of them; so it is written from opset 1 on.
            copy.graph.node.append(helper.make_node(f"Reduce{how}", [name], [_reduced(name, how)], keepdims=0))
            copy.graph.output.append(helper.make_tensor_value_info(_reduced(name, how), TensorProto.FLOAT, []))
    return copy


def _reduced(name: str, how: str) -> str:
    return f"{name}/{how}"
