"""Inputs that an exported graph is run on, and what its values are there: how a rewriting proves that it changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import onnx

from compactor.base.errors import StageError

Values = dict[str, np.ndarray]
# (batch, sequence) of the inputs: different in every dimension, so that no two can be mistaken.
PROBES = ((2, 7), (3, 5), (5, 11))
MASK = "attention_mask"


def text_probes(vocabulary: int, pad_id: int) -> Iterator[Values]:
    """Yield token ids, mask and token types of several shapes, int64 (batch, sequence), some rows padded."""
    for batch, length in PROBES:
        mask = np.ones((batch, length), dtype=np.int64)
        for row in range(1, batch):
            mask[row, length - row :] = 0
        ids = np.where(
            mask == 1, (np.arange(batch * length).reshape(batch, length) % (vocabulary - 1) + pad_id + 1) % vocabulary, pad_id
        )
        yield {"input_ids": ids, MASK: mask, "token_type_ids": np.zeros_like(ids)}


def image_probes(size: tuple[int, int]) -> Iterator[Values]:
    """Yield batches of images, float32 (batch, 3, height, width)."""
    dice = np.random.default_rng(0)
    for batch, _ in PROBES:
        yield {"pixel_values": dice.normal(size=(batch, 3, *size)).astype(np.float32)}


def values_of(model: onnx.ModelProto, names: Iterable[str], feeds: list[Values]) -> list[Values]:
    """Run a graph on each probe and return the values of these names.

    Raises:
        StageError: X111 onnxruntime cannot run the graph.
    """
    import onnxruntime

    wanted = list(dict.fromkeys(names))
    if not wanted:
        return [{} for _ in feeds]
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(copy.SerializeToString(), options, providers=["CPUExecutionProvider"])
        inputs = [value.name for value in session.get_inputs()]
        return [dict(zip(wanted, session.run(wanted, {name: feed[name] for name in inputs}), strict=True)) for feed in feeds]
    except Exception as error:  # onnxruntime's own classes share no base
        reason = str(error).strip().partition("\n")[0]
        raise StageError(
            "X111", f"onnxruntime cannot run the exported graph: {reason}", "try the other backend of export"
        ) from error
