"""Ranges of activations on real rows: one pass, one batch in memory at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper

from compactor.quantization.histogram import Histogram, Range, entropy_range, percentile_range
from compactor.quantization.observing import observe, open_session, refuse_broken, refuse_none

Method = Literal["minmax", "average", "percentile", "entropy"]


def activation_ranges(
    model: onnx.ModelProto,
    names: Sequence[str],
    batches: Iterable[dict[str, np.ndarray]],
    *,
    method: Method,
    place: Path,
    percentile: float = 99.999,
    finite: Collection[str] | None = None,
) -> dict[str, Range]:
    """Return the range of some tensors over all batches.

    onnxruntime's own calibrators keep every batch's outputs and use all cores; this one takes only the tensors that are asked for.
    Extremes are reduced inside the graph, so that two floats a tensor and batch come out; histograms have a fixed number of bins.
    It runs on one thread, which gives the same bits everywhere on one kind of processor.

    Args:
        model: fp32 graph; not changed.
        names: tensors of the graph.
        batches: inputs by name, int64 (batch, sequence), rows alone or padded; read once. More names than the graph has do no harm.
        method: `minmax`, the least and the greatest value of all batches; `average`, the mean of each batch's least and greatest;
            `percentile`, what holds that share of all values; `entropy`, what loses least by Kullback-Leibler (`least_divergence`).
        place: folder for the graph with the reductions.
        percentile: of `percentile`, above 50 and at most 100.
        finite: of `minmax`: the tensors that must be finite, by default all; of others a range may end at infinity, or be NaN.

    Raises:
        StageError: Q107 no batch came, Q108 a value was not finite.
    """
    if method in ("percentile", "entropy"):
        histograms = [Histogram() for _ in names]
        for tensors in observe(model, names, batches, place):
            for histogram, values in zip(histograms, tensors, strict=True):
                histogram.add(values)
        ranges = (entropy_range(each) if method == "entropy" else percentile_range(each, percentile) for each in histograms)
        return dict(zip(names, ranges, strict=True))
    session = open_session(_with_reductions(model, names), place / "ranges.onnx")
    inputs = [value.name for value in session.get_inputs()]
    outputs = [_reduced(name, how) for name in names for how in ("Min", "Max")]
    extremes = np.full((len(names), 2), (np.inf, -np.inf))
    sums, count = np.zeros((len(names), 2)), 0
    for batch in batches:
        found = np.array(session.run(outputs, {name: batch[name] for name in inputs}), dtype=np.float32).reshape(len(names), 2)
        for name, pair in zip(names, found, strict=True):
            if finite is None or name in finite:
                refuse_broken(name, pair)
        extremes = np.stack([np.minimum(extremes[:, 0], found[:, 0]), np.maximum(extremes[:, 1], found[:, 1])], axis=1)
        sums, count = sums + found, count + 1
    refuse_none(count)
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
