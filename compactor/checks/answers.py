"""A model as a function from a batch to logits, so that a check can ask a torch model and an ONNX file the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from compactor.base.errors import MissingError, StageError

Batch = dict[str, np.ndarray]
# input_ids, attention_mask, token_type_ids, each int64 (batch, sequence), or pixel_values float32 (batch, 3, height, width), to logits
# float32 (answers, labels): one answer a row, or one a token where every token is answered, padding left out
Answer = Callable[[Batch], np.ndarray]


class EncodedRows(Protocol):
    """What a check needs of encoded data."""

    def __len__(self) -> int: ...

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row, int64 (rows,)."""

    def batch(self, indices: np.ndarray) -> Batch:
        """Return rows padded to the longest of them."""


def onnx_answer(path: Path, *, threads: int = 1, output: str | None = None, provider: str = "CPUExecutionProvider") -> Answer:
    """Load an ONNX file, by default on the CPU; its first output answers, unless another one is named.

    Raises:
        StageError: onnxruntime cannot load it.
        MissingError: Q125 this machine's onnxruntime does not have the provider.
    """
    import onnxruntime

    if provider not in onnxruntime.get_available_providers():
        sentence = f"{path.name} can only be run by onnxruntime's {provider}, which is not here"
        raise MissingError("Q125", sentence, "run this on the target's kind of machine, with its onnxruntime")

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:  # onnxruntime's own classes share no base
        reason = str(error).strip().partition("\n")[0]
        raise StageError(
            "X111", f"onnxruntime cannot load {path.name}: {reason}", "another opset or backend may load"
        ) from error
    names = [value.name for value in session.get_inputs()]

    def answer(batch: Batch) -> np.ndarray:
        return _real(session.run(None if output is None else [output], {name: batch[name] for name in names})[0], batch)

    return answer


def torch_answer(model: Any) -> Answer:
    """Wrap a torch model; token types are given to a model that has more than one."""
    import inspect

    import torch

    types = (
        getattr(model.config, "type_vocab_size", 0) if "token_type_ids" in inspect.signature(model.forward).parameters else 0
    )
    words = ["input_ids", "attention_mask"] + ["token_type_ids"] * (types > 1)

    def answer(batch: Batch) -> np.ndarray:
        names = ["pixel_values"] if "pixel_values" in batch else words
        with torch.no_grad():
            logits: np.ndarray = model(**{name: torch.from_numpy(batch[name]) for name in names}).logits.float().numpy()
        return _real(logits, batch)

    return answer


def _real(logits: np.ndarray, batch: Batch) -> np.ndarray:
    """Return answers as (answers, labels): of tokens, those that are no padding, row by row."""
    return logits[batch["attention_mask"] == 1] if logits.ndim == 3 else logits


def spread(encoded: EncodedRows, count: int) -> np.ndarray:
    """Return up to `count` row numbers, evenly spread over all lengths from the shortest to the longest; int64, always the same."""
    order = np.argsort(encoded.lengths, kind="stable")
    positions = np.linspace(0, len(order) - 1, num=min(count, len(order))).round().astype(np.int64)
    return order[positions]


def answer_one_by_one(answer: Answer, encoded: EncodedRows, rows: np.ndarray) -> np.ndarray:
    """Return the logits of rows given alone and unpadded, as an app gives them; (answers, labels)."""
    return np.concatenate([answer(encoded.batch(np.array([row]))) for row in rows])
